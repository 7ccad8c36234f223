/** SD upscale: what its tiles are asked for, and how they come together. */

import { expect, it } from 'vitest';
import { createOrtNodeBackend } from '#backends/ort-node/cpu';
import type { PixelImage } from '#core/image';
import { type GenerateEvent, type GenerateRequest, generateSchema } from './request.ts';
import { drawTiled } from './tiled-upscale.ts';
import { Upscalers } from './upscale/upscalers.ts';

const upscalers = new Upscalers(createOrtNodeBackend({ device: 'cpu', threads: 1 }), () => {
  throw new Error('no file is needed');
});
const init: PixelImage = {
  width: 60,
  height: 40,
  channels: 3,
  data: Uint8Array.from({ length: 60 * 40 * 3 }, (_, i) => 100 + ((Math.floor(i / 3) % 60) + (i % 3))),
};

async function run(fields: object, stopAfter = Number.POSITIVE_INFINITY) {
  const asked: GenerateRequest[] = [];
  const abort = new AbortController();
  const request = { ...generateSchema.parse({ prompt: 'a', seed: 7, width: 64, height: 64, ...fields }), init };
  const events: GenerateEvent[] = [];
  const parts = {
    upscalers,
    defaultUpscaler: () => 'Lanczos',
    tileSize: { width: 64, height: 64 },
    signal: abort.signal,
    drawSeed: () => 1,
    // Draws what it is given.
    async *draw(tile: GenerateRequest): AsyncGenerator<GenerateEvent, void, undefined> {
      asked.push(tile);
      if (asked.length === stopAfter) abort.abort();
      yield { type: 'step', batch: 0, batches: 1, step: 1, steps: 1 };
      const facts = {
        seed: tile.seed,
        subseed: 0,
        infotext: `a\nSteps: ${tile.seed}`,
        model: { name: 'm', family: 'f' },
      };
      yield { type: 'image', index: 0, image: tile.init!, ...facts };
    },
  };
  for await (const event of drawTiled(request, parts)) events.push(event);
  return { asked, events, images: events.filter((event) => event.type === 'image') };
}

it('draws over an enlarged picture in tiles that meet without seams', async () => {
  const { asked, events, images } = await run({ sdUpscale: 2, sdUpscaleOverlap: 16, batchCount: 2 });
  // 120 x 80 in tiles of 64 that share 16.
  expect(asked).toHaveLength(2 * 3 * 2);
  expect(asked.map(({ seed }) => seed).slice(0, 7)).toEqual([7, 8, 9, 10, 11, 12, 8]);
  expect(asked[0]).toMatchObject({ width: 64, height: 64, batchCount: 1, sdUpscale: 1 });
  expect(events.filter((event) => event.type === 'step').at(-1)).toMatchObject({ batch: 11, batches: 12 });
  const [first, second] = images;
  expect([first!.image.width, first!.image.height, first!.seed, second!.index]).toEqual([120, 80, 7, 1]);
  expect(first!.infotext).toBe('a\nSteps: 7, SD upscale by: 2, SD upscale overlap: 16, SD upscale upscaler: Lanczos');
  // Tiles that are left as they are give the enlarged picture back.
  const plain = (await upscalers.upscale(init, { upscaler: 'Lanczos', to: { width: 120, height: 80 } }).next())
    .value as PixelImage;
  const off = first!.image.data.map((v, i) => Math.abs(v - plain.data[i]!));
  expect(off.reduce((most, v) => Math.max(most, v), 0)).toBeLessThanOrEqual(1);
});

it('keeps a picture smaller than a tile to its size, and ends early when it is stopped', async () => {
  const small = await run({ sdUpscale: 1.5, width: 128, height: 128 });
  expect([small.asked.length, small.images[0]!.image.width, small.images[0]!.image.height]).toEqual([1, 90, 60]);
  const stopped = await run({ sdUpscale: 2 }, 2);
  expect([stopped.asked.length, stopped.images.length]).toEqual([2, 0]);
});
