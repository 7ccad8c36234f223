/**
 * browser: the page without a server, from a folder of files, on WebGPU in software. It draws and trains with the
 * smallest model, whose shaders are few: with the embedded one they take minutes of a software driver.
 */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createOrtNodeBackend } from '#backends/ort-node/cpu';
import { readInfotext } from '#formats/infotext-file';
import { trainLora } from '../../src/demo/train-lora.ts';
import { openSmallestInPage } from '../fixtures/smallest-in-page.ts';
import { smallestModel } from '../fixtures/smallest-model.ts';
import { chromiumPath, patience, repository } from './served-page.ts';

const folder = join(repository, 'dist/demo');
const types: Readonly<Record<string, string>> = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css' };

/** As plain as a web server can be; what was asked for is noted. */
function serveFolder(asked: string[]): Promise<Server> {
  const server = createServer(({ url = '/', method = '' }, answer) => {
    asked.push(`${method} ${url}`);
    const file = url.endsWith('/') ? `${url}index.html` : url;
    try {
      const bytes = readFileSync(join(folder, file.replace('/some/where', '')));
      const type = types[extname(file)] ?? 'application/octet-stream';
      answer.writeHead(200, { 'content-type': type, 'content-length': bytes.length }).end(bytes);
    } catch {
      answer.writeHead(404).end();
    }
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}

/** Shaders as they are, without what protects other pages from them, which a software driver takes long to compile. */
const flags = [
  '--no-sandbox',
  '--disable-quic',
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  '--enable-dawn-features=allow_unsafe_apis,disable_workgroup_init,disable_robustness',
];

const settings = { max_train_steps: 3, learning_rate: 0.05, network_dim: 2 };
const side = 16;

/** Of the last step of the same training. */
async function lossOnCpu(colour: readonly number[]): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'darkroom-demo-'));
  const backend = createOrtNodeBackend({ device: 'cpu', threads: 1 });
  const losses: number[] = [];
  try {
    const { model } = await openSmallestInPage(folder);
    const data = Uint8Array.from({ length: side * side * 3 }, (_, i) => colour[i % 3]!);
    await trainLora({
      name: 'zorb_1',
      pictures: [{ image: { width: side, height: side, channels: 3, data }, caption: 'a zorb' }],
      settings,
      model,
      backend,
      signal: new AbortController().signal,
      report: ({ metrics }) => void losses.push(metrics.loss!),
    });
  } finally {
    await backend.dispose();
    rmSync(folder, { recursive: true });
  }
  return losses.at(-1)!;
}

describe.skipIf(chromiumPath === undefined)('the page without a server', { timeout: 4 * patience }, () => {
  const asked: string[] = [];
  const faults: string[] = [];
  let server: Server;
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    const built = spawnSync(process.execPath, ['tools/build-demo.mjs'], { cwd: repository, encoding: 'utf8' });
    expect(built.status, built.stderr).toBe(0);
    server = await serveFolder(asked);
    browser = await chromium.launch({ executablePath: chromiumPath!, args: flags, timeout: patience });
    page = await browser.newPage();
    page.setDefaultTimeout(patience);
    page.on('pageerror', (error) => faults.push(error.message));
    page.on('console', (line) => line.type() === 'error' && faults.push(line.text()));
  }, patience);
  afterAll(async () => {
    await browser?.close();
    server?.close();
  }, patience);

  const fill = async (section: string, values: Readonly<Record<string, string>>): Promise<void> => {
    for (const [name, value] of Object.entries(values)) {
      const own = page.getByRole('region', { name: section });
      await own.getByRole('textbox', { name, exact: true }).fill(value);
    }
  };
  /** Until a result is there, or a sentence that says why it is not. */
  const outcome = async (result: string): Promise<void> => {
    await page
      .getByTestId(result)
      .or(page.getByRole('alert'))
      .first()
      .waitFor({ timeout: 2 * patience });
    expect(await page.getByRole('alert').allTextContents()).toEqual([]);
  };
  const opened = (name: string): Promise<unknown> =>
    expect.poll(() => page.getByTestId('model').textContent(), { timeout: patience }).toBe(name);

  it('opens the model beside it, and others from disk', async ({ skip }) => {
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/some/where/`);
    const adapter = await page.evaluate('navigator.gpu?.requestAdapter().then(Boolean)');
    if (adapter !== true) return skip('this Chromium has no WebGPU');
    await opened('darkroom-mini');
    const chooser = page.getByLabel('Open a model from disk');
    await chooser.setInputFiles({ name: 'bad.safetensors', mimeType: '', buffer: Buffer.from('no model') });
    await expect.poll(() => page.getByRole('alert').textContent()).toContain('bad.safetensors');
    await chooser.setInputFiles({ name: 'smallest.safetensors', mimeType: '', buffer: Buffer.concat(smallestModel()) });
    await opened('smallest');
  });

  it('draws a picture with its infotext', async ({ skip }) => {
    if ((await page.getByTestId('model').count()) === 0) return skip('no model is open');
    await fill('New picture', { Prompt: 'a fox', Steps: '2', Width: '64', Height: '64', Seed: '1' });
    await page.getByRole('button', { name: 'Generate' }).click();
    await outcome('picture');
    const saved = page.waitForEvent('download');
    await page.getByRole('link', { name: 'Save the picture' }).click();
    const png = readFileSync(await (await saved).path());
    expect(await readInfotext(png)).toMatch(/^a fox\nSteps: 2, .*Seed: 1, Size: 64x64/);
    expect(await sharp(png).metadata()).toMatchObject({ width: 64, height: 64 });
    const { channels } = await sharp(png).stats();
    expect(Math.max(...channels.map(({ stdev }) => stdev))).toBeGreaterThan(1);
  });

  it('trains a LoRA on a picture with the losses of the CPU, with nothing from anywhere else', async ({ skip }) => {
    if ((await page.getByTestId('model').count()) === 0) return skip('no model is open');
    const background = { r: 204, g: 51, b: 51 };
    const buffer = await sharp({ create: { width: 40, height: 30, channels: 3, background } })
      .png()
      .toBuffer();
    await page
      .getByLabel('Pictures', { exact: true })
      .setInputFiles([{ name: 'a.png', mimeType: 'image/png', buffer }]);
    await fill('Teach it something', {
      'What they show': 'a zorb',
      'Name of the result': 'zorb_1',
      'Max train steps': String(settings.max_train_steps),
      'Learning rate': String(settings.learning_rate),
      'Network dim': String(settings.network_dim),
      Resolution: String(side),
    });
    await page.getByRole('button', { name: 'Train', exact: true }).click();
    await outcome('trained');
    expect(await page.getByTestId('trained').textContent()).toContain('<lora:zorb_1:1>');
    const told = await page.getByTestId('loss').textContent();
    const right = await lossOnCpu([204, 51, 51]);
    expect(Math.abs(Number(/[\d.]+$/.exec(told!)![0]) - right) / right).toBeLessThan(1e-4);
    expect(faults).toEqual([]);
    expect(
      asked.every((line) =>
        /^GET \/some\/where\/(assets\/[\w-]+\.(js|css)|darkroom-mini\.(safetensors|darkroom\.json))?$/.test(line),
      ),
    ).toBe(true);
  });
});
