/** `darkroom upscale`, with the upscaler that comes with Darkroom. */

import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { decodeImage, encodeImage } from '#studio/images/codec';
import { readInfotext } from '#studio/images/read-infotext';
import { cli } from './run-cli.ts';

const folder = mkdtempSync(join(tmpdir(), 'darkroom-upscale-'));
afterAll(() => rmSync(folder, { recursive: true }));
const file = join(folder, 'fox.png');
const image = {
  width: 24,
  height: 16,
  channels: 3,
  data: Uint8Array.from({ length: 24 * 16 * 3 }, (_, i) => (i * 37) % 256),
} as const;
writeFileSync(file, await encodeImage(image, 'png', 'a fox\nSteps: 5, Sampler: Euler, Seed: 1'));

const sizeOf = async (path: string) => {
  const { width, height } = (await decodeImage(await readFile(path))).image;
  return [width, height];
};

it('enlarges a picture beside itself, and keeps what is known of it', async () => {
  const { code, stdout, stderr } = await cli('upscale', file, '--by', '4');
  expect(stderr).toContain('loading upscaler');
  expect([code, stdout]).toEqual([0, join(folder, 'fox-upscaled.png')]);
  expect(await sizeOf(stdout)).toEqual([96, 64]);
  expect(await readInfotext(await readFile(stdout))).toBe(
    'a fox\nSteps: 5, Sampler: Euler, Seed: 1, Postprocess upscale by: 4, Postprocess upscaler: esrgan-medium-x4',
  );
  expect((await cli('upscale', file, '--by', '4')).stderr).toContain('is there already');
});

it('enlarges to a size, with two upscalers mixed', async () => {
  const out = join(folder, 'large.jpg');
  const args = ['--to', '40x40', '--upscaler', 'Lanczos', '--blend', 'Nearest', '--visibility', '0.25', '--out', out];
  const { code, stdout } = await cli('upscale', file, ...args, '--json');
  expect(code).toBe(0);
  const events = stdout.split('\n').map((line) => JSON.parse(line) as { type: string });
  expect(events.at(-1)).toMatchObject({ type: 'finished' });
  expect(await sizeOf(out)).toEqual([40, 40]);
});

it.each([
  [['--by', '900'], 'must be at most 16'],
  [['--to', '20000x'], '--to: width and height go from 1 to 16384 pixels; got 20000x.'],
  [['--to', 'big'], '--to must be a size like 2048x2048'],
  [['--upscaler', '4x-UltraSharp'], 'There is no upscaler "4x-UltraSharp". Did you mean'],
])('with %j says what is wrong', async (args, words) => {
  const { code, stderr } = await cli('upscale', file, '--out', join(folder, 'none.png'), ...args);
  expect(code).not.toBe(0);
  expect(stderr).toContain(words);
  expect(existsSync(join(folder, 'none.png'))).toBe(false);
});

it('says that a picture is not there', async () => {
  const { code, stderr } = await cli('upscale', join(folder, 'gone.png'));
  expect(code).not.toBe(0);
  expect(stderr).toMatch(/gone\.png": there is no such file/);
});
