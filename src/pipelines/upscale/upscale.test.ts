/** Tiles of upscalers: they cover a picture, their weights sum to one, and a tiled run meets one that is whole. */

import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { createOrtNodeBackend } from '#backends/ort-node/cpu';
import type { PixelImage } from '#core/image';
import { openUpscaler } from '#models/upscalers/index';
import { nodeModelFiles } from '#studio/files/model-files';
import { fittedTile } from '../memory/upscale-memory.ts';
import { tileAxis, tileWeights } from './tiles.ts';
import { blend, Upscalers } from './upscalers.ts';

const backend = createOrtNodeBackend({ device: 'cpu', threads: 1 });
afterAll(() => backend.dispose());

const folder = fileURLToPath(new URL('../../../', import.meta.url));
const files: Readonly<Record<string, string>> = {
  compact: `${folder}test/goldens/data/models/upscalers/srvgg_x4.safetensors`,
  unshuffled: `${folder}test/goldens/data/models/upscalers/rrdb_x2_new.safetensors`,
  own: `${folder}models/upscalers/esrgan-medium-x2.safetensors`,
};
const upscalers = new Upscalers(backend, (name) => openUpscaler(nodeModelFiles, files[name]!));

function waves(width: number, height: number, channels: 3 | 4 = 3): PixelImage {
  const data = Uint8Array.from({ length: width * height * channels }, (_, i) => {
    const [x, y, c] = [Math.floor(i / channels) % width, Math.floor(i / channels / width), i % channels];
    return c === 3 ? (x < width / 2 ? 0 : 255) : Math.round(127 + 100 * Math.sin(x / 3 + c) * Math.cos(y / 4));
  });
  return { width, height, channels, data };
}

async function run(image: PixelImage, options: Parameters<Upscalers['upscale']>[1]) {
  const run = upscalers.upscale(image, options);
  let tiles = 0;
  for (;;) {
    const { done, value } = await run.next();
    if (done) return { image: value as PixelImage, tiles };
    if (value.type === 'tile') tiles++;
  }
}

describe('tiles', () => {
  it.each([
    [100, 192, 16],
    [193, 192, 16],
    [500, 192, 16],
    [373, 64, 8],
    [369, 64, 8],
    [65, 64, 31],
  ])('cover %d pixels in tiles of %d that share %d, with weights of one', (total, tile, overlap) => {
    const axis = tileAxis(total, { tile, overlap, multiple: 1 });
    const sums = new Float64Array(total);
    for (const [i, weights] of tileWeights(axis, overlap).entries()) {
      for (const [x, w] of weights.entries()) sums[axis.starts[i]! + x]! += w;
    }
    expect(axis.length).toBe(Math.min(total, tile));
    for (const sum of sums) expect(sum).toBeCloseTo(1, 5);
  });
});

describe('upscalers', () => {
  it('draw the same in tiles as in one, but for the seams', async () => {
    const image = waves(60, 44);
    const whole = await run(image, { upscaler: 'compact', to: { width: 240, height: 176 } });
    const tiled = await run(image, { upscaler: 'compact', to: { width: 240, height: 176 }, tile: 32, overlap: 16 });
    expect([whole.tiles, tiled.tiles]).toEqual([1, 6]);
    const differences = whole.image.data.map((v, i) => Math.abs(v - tiled.image.data[i]!));
    expect(differences.reduce((most, d) => Math.max(most, d), 0)).toBeLessThanOrEqual(12);
    expect(differences.filter((d) => d > 2).length / differences.length).toBeLessThan(0.01);
  });

  it('take odd sides where pixels become channels, and go on until it is large enough', async () => {
    const { image, tiles } = await run(waves(21, 13), { upscaler: 'unshuffled', to: { width: 84, height: 50 } });
    expect([image.width, image.height, tiles]).toEqual([84, 50, 2]);
  });

  it('keep transparency', async () => {
    const { image } = await run(waves(16, 16, 4), { upscaler: 'own', to: { width: 32, height: 32 } });
    expect(image.channels).toBe(4);
    expect([image.data[3], image.data.at(-1)]).toEqual([0, 255]);
  });

  it('bring back more of a picture than resampling does', async () => {
    const large = waves(64, 64);
    const small = (await run(large, { upscaler: 'Lanczos', to: { width: 32, height: 32 } })).image;
    const to = { width: 64, height: 64 };
    const error = async (upscaler: string) => {
      const { image } = await run(small, { upscaler, to });
      return image.data.reduce((sum, v, i) => sum + (v - large.data[i]!) ** 2, 0);
    };
    expect(await error('own')).toBeLessThan(await error('Nearest'));
  });

  it('refuse a size that no file can hold, before anything is loaded', async () => {
    await expect(run(waves(8, 8), { upscaler: 'missing', to: { width: 20_000, height: 8 } })).rejects.toMatchObject({
      code: 'upscale.size',
      message: expect.stringContaining('16384'),
    });
  });

  it('are mixed by how much the second one shows', () => {
    const [a, b] = [waves(4, 4), waves(4, 4)].map((image, i) => ({ ...image, data: image.data.map(() => 100 * i) }));
    expect(new Set(blend(a!, b!, 0.25).data)).toEqual(new Set([25]));
  });
});

describe('squares that fit into memory', () => {
  const fitted = (limit: number, total = 1e12) =>
    fittedTile({ upscaler: 'own', image: { width: 1000, height: 1000 }, tile: 512 }, upscalers, {
      limit: () => limit,
      total,
    });

  it('are halved until they do, with a word', async () => {
    expect(await fitted(1e12)).toEqual({ tile: 512 });
    const { tile, warning } = await fitted(4e8);
    expect([64, 128, 256]).toContain(tile);
    expect(warning).toBe(`To fit into memory squares of ${tile} pixels are enlarged at a time, not of 512.`);
  });

  it('are refused where the smallest could never fit', async () => {
    await expect(fitted(1e8, 1e8)).rejects.toThrow(/^own needs about .* squares of 64 pixels; this machine has 0.1 GB/);
  });

  it('are not asked about where no network runs', async () => {
    const asked = { upscaler: 'Lanczos', image: { width: 10, height: 10 }, tile: 512 };
    expect(await fittedTile(asked, upscalers, { limit: () => 0, total: 0 })).toEqual({ tile: 512 });
  });
});
