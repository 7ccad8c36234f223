/** `darkroom outpaint` on a tiny model. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { decodeImage, encodeImage } from '#studio/images/codec';
import { cli, tinyModel } from './run-cli.ts';

const folder = mkdtempSync(join(tmpdir(), 'darkroom-outpaint-'));
afterAll(() => rmSync(folder, { recursive: true }));
const file = join(folder, 'fox.png');
const data = new Uint8Array(64 * 64 * 3).map((_, i) => (i * 7) % 256);
writeFileSync(
  file,
  await encodeImage({ width: 64, height: 64, channels: 3, data }, 'png', 'a fox\nSteps: 5, Sampler: Euler, Seed: 1'),
);

it('grows a picture with its own prompt', async () => {
  const out = join(folder, 'wide.png');
  const { code, stdout } = await cli(
    'outpaint',
    file,
    '--left',
    '16',
    '--model',
    tinyModel,
    '--steps',
    '2',
    '--seed',
    '3',
    '--out',
    out,
  );
  expect([code, stdout]).toEqual([0, out]);
  const { image, infotext } = await decodeImage(await readFile(out));
  expect([image.width, image.height]).toEqual([80, 64]);
  expect(infotext).toMatch(/^a fox\n.*Denoising strength: 0.9.*Outpaint left: 16/s);
});

it('asks for a side', async () => {
  const { code, stderr } = await cli('outpaint', file, 'a fox');
  expect(code).not.toBe(0);
  expect(stderr).toContain('Say which side is to grow');
});
