/** browser: the page in a real Chromium, on a real server with the embedded model. */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

const chromiumPath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);
if (chromiumPath === undefined) console.log('browser tests skip: no Chromium in /usr/bin');

const repository = fileURLToPath(new URL('../..', import.meta.url));
/** Generous: nothing here measures time, and machines of tests are busy. */
const patience = 240_000;

interface Served {
  readonly url: string;
  readonly child: ChildProcess;
}

async function serve(folder: string, ...flags: string[]): Promise<Served> {
  const args = ['bin/darkroom.mjs', 'serve', '--port', '0', '--outputs', folder, '--data', join(folder, '.data')];
  const child = spawn(process.execPath, [...args, ...flags], {
    cwd: repository,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
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

async function stop({ child }: Served): Promise<void> {
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGINT');
  await ended;
}

describe.skipIf(chromiumPath === undefined)('the page', { timeout: patience }, () => {
  let browser: Browser;
  let folder: string;
  let served: Served | undefined;
  const faults: string[] = [];

  beforeAll(async () => {
    const built = spawnSync(process.execPath, ['tools/build-page.mjs'], { cwd: repository, encoding: 'utf8' });
    expect(built.status, built.stderr).toBe(0);
    const args = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-background-networking'];
    browser = await chromium.launch({ executablePath: chromiumPath!, args, timeout: patience });
    folder = mkdtempSync(join(tmpdir(), 'darkroom-page-'));
  }, patience);
  afterEach(async () => {
    if (served) await stop(served);
    served = undefined;
  }, patience);
  afterAll(async () => {
    await browser?.close();
    if (folder) rmSync(folder, { recursive: true, force: true });
  }, patience);

  async function open(url: string): Promise<Page> {
    const page = await (await browser.newContext()).newPage();
    // Shorter than the test's, so that a failure names its step.
    page.setDefaultTimeout(60_000);
    faults.length = 0;
    page.on('pageerror', (error) => faults.push(error.message));
    page.on('console', (line) => {
      if (/Content Security Policy/i.test(line.text())) faults.push(line.text());
    });
    await page.goto(url);
    return page;
  }

  it('draws a picture, shows how far it is, keeps it over a reload, deletes it and brings it back', async () => {
    served = await serve(folder);
    const page = await open(served.url);
    await page.getByRole('heading', { name: 'Make your first picture' }).waitFor();
    await page.getByRole('textbox', { name: 'Prompt', exact: true }).fill('a fox at night');
    await page.getByRole('textbox', { name: 'Steps', exact: true }).fill('2');
    await page.keyboard.press('Control+Enter');
    await page.getByRole('progressbar').waitFor();
    const thumbnails = page.getByRole('region', { name: 'Pictures' }).getByRole('img');
    await thumbnails.first().waitFor();
    expect(readdirSync(folder, { recursive: true }).filter((name) => String(name).endsWith('.png'))).toHaveLength(1);

    await page.reload();
    await thumbnails.first().waitFor();
    const drawn = thumbnails.first().evaluate(async (element) => {
      const image = element as unknown as { decode(): Promise<void>; naturalWidth: number };
      await image.decode();
      return image.naturalWidth;
    });
    expect(await drawn).toBe(128);
    await thumbnails.first().click();
    const lightbox = page.getByRole('dialog');
    expect(await lightbox.locator('.facts').innerText()).toMatch(/Steps\s+2\b/);
    await lightbox.getByRole('button', { name: 'Delete' }).click();
    await lightbox.waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'Undo' }).click();
    await thumbnails.first().waitFor();
    expect(faults).toEqual([]);
  });

  it('signs in by the address and forgets the token there, and asks where there is none', async () => {
    served = await serve(folder, '--token', 'a-token-of-the-test');
    const address = new URL(served.url);
    expect(address.hash).toBe('#token=a-token-of-the-test');
    const page = await open(address.href);
    await page.getByRole('button', { name: 'Generate' }).waitFor();
    expect(new URL(page.url()).hash).toBe('');

    const stranger = await open(address.origin);
    await stranger.getByLabel('Token').fill('something else');
    await stranger.getByRole('button', { name: 'Sign in' }).click();
    await stranger.getByRole('alert').waitFor();
    await stranger.getByLabel('Token').fill('a-token-of-the-test');
    await stranger.getByRole('button', { name: 'Sign in' }).click();
    await stranger.getByRole('button', { name: 'Generate' }).waitFor();
    expect(faults).toEqual([]);
  });
});
