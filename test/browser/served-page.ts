/** A real server with the embedded model and the system's Chromium, for tests of the page. */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, expect } from 'vitest';
import { childExecArgv, ownModule } from '#studio/files/own-module';

export const chromiumPath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(
  existsSync,
);
if (chromiumPath === undefined) console.log('browser tests skip: no Chromium in /usr/bin');

export const repository = fileURLToPath(new URL('../..', import.meta.url));
/** Generous: nothing here measures time, and machines of tests are busy. */
export const patience = 240_000;

const main = ownModule(import.meta.url, '../../src/cli/main');

export interface Served {
  readonly url: string;
  readonly child: ChildProcess;
}

export async function serve(folder: string, ...flags: string[]): Promise<Served> {
  const port = flags.includes('--port') ? [] : ['--port', '0'];
  const args = ['serve', ...port, '--outputs', folder, '--data', join(folder, '.data'), ...flags];
  const stdio = ['ignore', 'pipe', 'inherit'] as const;
  // What is set by a visitor is not the user's who runs the tests.
  const env = { ...process.env, DARKROOM_CONFIG: join(folder, 'config.json') };
  const argv = [...childExecArgv(), main, ...args];
  const child = spawn(process.execPath, argv, { cwd: repository, env, stdio: [...stdio] });
  const url = await new Promise<string>((resolve, reject) => {
    let text = '';
    child.stdout.on('data', (bytes: Buffer) => {
      text += bytes.toString();
      const found = /ready: (\S+)/.exec(text)?.[1];
      if (found !== undefined) resolve(found);
    });
    child.once('exit', (code) => reject(new Error(`darkroom serve ended with ${code}: ${text}`)));
  });
  return { url, child };
}

/** Nothing where it never started. */
export async function stop(served: Served | undefined, signal: NodeJS.Signals = 'SIGINT'): Promise<void> {
  if (!served) return;
  const { child } = served;
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill(signal);
  await ended;
}

export interface Bench {
  /** An empty one for a server's pictures and data; it goes when the tests have run. */
  readonly newFolder: () => string;
  readonly browser: () => Browser;
  /** What went wrong inside pages since the last `open`: uncaught errors and refusals of the content policy. */
  readonly faults: string[];
  /** A page of a browser of its own, as another person would have it. */
  open(url: string, options?: BrowserContextOptions): Promise<Page>;
  /** Another tab of the same browser. */
  openBeside(page: Page, url: string): Promise<Page>;
  /**
   * Closes what a test has opened, before its server goes: a page that stays asks on for a server that is not there,
   * and what a test put between them is called for answers that nobody waits for.
   */
  closePages(): Promise<void>;
}

/** Where a source is newer than the page; `npm ci` has built it where nothing was changed since. */
function buildPage(): void {
  const page = join(repository, 'dist/web/index.html');
  const sources = readdirSync(join(repository, 'src'), { recursive: true, withFileTypes: true });
  const written = existsSync(page) ? statSync(page).mtimeMs : 0;
  if (!sources.some(({ parentPath, name }) => statSync(join(parentPath, name)).mtimeMs > written)) return;
  const built = spawnSync(process.execPath, ['tools/build-page.mjs'], { cwd: repository, encoding: 'utf8' });
  expect(built.status, built.stderr).toBe(0);
}

/** Starts Chromium once for a file of tests, with the page built. */
export function useBrowser(): Bench {
  let browser: Browser;
  const folders: string[] = [];
  const faults: string[] = [];
  beforeAll(async () => {
    buildPage();
    const args = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-background-networking'];
    browser = await chromium.launch({ executablePath: chromiumPath!, args, timeout: patience });
  }, patience);
  afterAll(async () => {
    await browser?.close();
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  }, patience);

  async function watched(page: Page, url: string): Promise<Page> {
    // Shorter than the test's, so that a failure names its step.
    page.setDefaultTimeout(60_000);
    page.on('pageerror', (error) => faults.push(error.message));
    page.on('console', (line) => {
      if (/Content Security Policy/i.test(line.text())) faults.push(line.text());
    });
    await page.goto(url);
    return page;
  }
  return {
    newFolder() {
      const folder = mkdtempSync(join(tmpdir(), 'darkroom-page-'));
      folders.push(folder);
      return folder;
    },
    browser: () => browser,
    faults,
    async open(url, options) {
      faults.length = 0;
      return await watched(await (await browser.newContext(options)).newPage(), url);
    },
    openBeside: async (page, url) => await watched(await page.context().newPage(), url),
    async closePages() {
      for (const context of browser.contexts()) {
        for (const page of context.pages()) await page.unrouteAll({ behavior: 'ignoreErrors' });
        await context.close();
      }
    },
  };
}
