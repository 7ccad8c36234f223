import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { PixelImage } from '#core/image';
import { crc32 } from '#formats/crc32';
import { decodeImage, encodeImage } from '../images/codec.ts';
import { InputFiles } from './inputs.ts';

let folder: string;
let inputs: InputFiles;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'darkroom-inputs-'));
  inputs = new InputFiles(folder);
});
afterEach(() => {
  inputs.uploads.dispose();
  rmSync(folder, { recursive: true, force: true });
});

const job = '0123456789abcdef';
const left = () => readdirSync(folder, { recursive: true }).filter((name) => String(name) !== '.tmp');

function chunk(type: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type), data]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, sum]);
}

/** Says that it is `width` x `height`, 8-bit grey. */
function png(width: number, height: number): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = 8;
  const signature = Buffer.from('89504e470d0a1a0a', 'hex');
  const pixels = deflateSync(Buffer.alloc(64));
  return Buffer.concat([signature, chunk('IHDR', header), chunk('IDAT', pixels), chunk('IEND', Buffer.alloc(0))]);
}

function image(channels: 3 | 4, size = 4): PixelImage {
  const data = Uint8Array.from({ length: size * size * channels }, (_, i) =>
    i % channels === 3 ? (i & 4 ? 255 : 0) : i,
  );
  return { width: size, height: size, channels, data };
}

it.each([
  [2_097_176, 16],
  [16, 2_097_176],
  [60_000, 60_000],
])('refuses a picture of %d x %d before it is unpacked, and keeps nothing', async (width, height) => {
  await expect(inputs.write(job, { init: png(width, height) })).rejects.toMatchObject({
    code: 'image.too-large',
    message: expect.stringMatching(/16384 on a side.*smaller/),
  });
  expect(left()).toEqual([]);
});

it('keeps neither picture where one cannot be read', async () => {
  const init = await encodeImage(image(3), 'png');
  await expect(inputs.write(job, { init, mask: init.subarray(0, 60) })).rejects.toMatchObject({
    code: 'image.unsupported',
  });
  expect(left()).toEqual([]);
});

it('stretches both, and gives an engine their files', async () => {
  const file = await encodeImage(image(3), 'webp');
  const rules = { stretch: { width: 8, height: 2 } };
  expect(await inputs.write(job, { init: file, mask: file }, rules)).toEqual(['init', 'mask']);
  const { init } = await inputs.paths(job, ['init', 'mask']);
  expect(init).toBe(join(folder, `${job}-init.png`));
  const { width, height } = (await decodeImage(await inputs.bytes(job, 'mask'))).image;
  expect([width, height]).toEqual([8, 2]);
  await inputs.remove(job);
  await expect(inputs.paths(job, ['init'])).rejects.toMatchObject({ code: 'job.input-gone' });
});

it('repaints what is transparent where that is the rule', async () => {
  const init = await encodeImage(image(4), 'png');
  expect(await inputs.write(job, { init }, { repaintTransparent: true })).toEqual(['init', 'mask']);
  const mask = (await decodeImage(await inputs.bytes(job, 'mask'))).image;
  const alpha = image(4).data.filter((_, i) => i % 4 === 3);
  expect(mask.data.filter((_, i) => i % 3 === 0)).toEqual(alpha.map((value) => 255 - value));
  const opaque = await encodeImage(image(3), 'png');
  expect(await inputs.write('fedcba9876543210', { init: opaque }, { repaintTransparent: true })).toEqual(['init']);
});
