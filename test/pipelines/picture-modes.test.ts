/** What a picture to picture may start from and end with: outpainting, resize modes, soft masks, colour correction. */

import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { createOrtNodeBackend } from '#backends/ort-node/cpu';
import type { PixelImage } from '#core/image';
import { correctColours } from '#pipelines/colour-correction';
import { createPictureEngine } from '#pipelines/engine';
import { fitted } from '#pipelines/picture';
import { type GenerateEvent, type GenerateInput, generateSchema } from '#pipelines/request';
import { shapedNoise } from '#pipelines/shaped-noise';
import { modelOpener } from '#studio/library/open-model';

const model = fileURLToPath(new URL('../goldens/data/models/tiny-sd1', import.meta.url));
const engine = createPictureEngine({
  backend: createOrtNodeBackend({ device: 'cpu', threads: 1 }),
  openModel: modelOpener([]),
});
afterAll(() => engine.dispose());

function photo(width: number, height: number, light = 0): PixelImage {
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => {
    const [x, y, c] = [Math.floor(i / 3) % width, Math.floor(i / 3 / width), i % 3];
    return Math.min(light + 60 + 40 * c + Math.round(30 * Math.sin(x / 2) + 20 * Math.cos(y / 3)), 255);
  });
  return { width, height, channels: 3, data };
}

async function draw({ init, mask, latentMask, ...fields }: GenerateInput) {
  const settings = generateSchema.parse({ model, prompt: 'a', steps: 3, seed: 5, ...fields });
  const request = { ...settings, init, mask, latentMask };
  const events: GenerateEvent[] = [];
  for await (const event of engine.generate(request)) events.push(event);
  const made = events.find((event) => event.type === 'image')!;
  return {
    ...made,
    warnings: events.flatMap((event) => (event.type === 'warning' ? [event.message] : [])),
  };
}

const rows = ({ width, channels, data }: PixelImage, from: number, to: number, x1: number, x2: number) =>
  Array.from({ length: to - from }, (_, y) => [
    ...data.subarray(channels * ((from + y) * width + x1), channels * ((from + y) * width + x2)),
  ]);

describe('outpainting', () => {
  it.each(['matched noise', 'masked content'] as const)(
    'grows a picture with %s and keeps it',
    async (outpaintFill) => {
      const init = photo(24, 20);
      const { image, infotext, warnings } = await draw({
        init,
        outpaintLeft: 8,
        outpaintDown: 6,
        outpaintFill,
        maskBlur: 0,
        denoisingStrength: 0.9,
        maskedContent: 'fill',
      });
      // 20 + 6 is made 28, as the model's grid is 4.
      expect([image.width, image.height]).toEqual([32, 28]);
      expect(rows(image, 0, 20, 8, 32)).toEqual(rows(init, 0, 20, 0, 24));
      expect(infotext).toContain('Outpaint left: 8');
      expect(infotext).toContain('Size: 32x28');
      expect(warnings.filter((each) => !each.startsWith('Masked content'))).toEqual([]);
    },
  );

  it('says what cannot be', async () => {
    const init = photo(16, 16);
    const mask = { ...init, channels: 1 as const, data: new Uint8Array(256) };
    await expect(draw({ init, mask, outpaintUp: 16 })).rejects.toMatchObject({ code: 'request.outpaint' });
    await expect(draw({ init: photo(4096, 16), outpaintLeft: 64 })).rejects.toMatchObject({
      message: expect.stringContaining('canvas of 4160 x 16'),
    });
    expect((await draw({ init, outpaintUp: 16, width: 64, height: 64 })).warnings.join()).toContain('16 x 32');
    expect((await draw({ outpaintUp: 16 })).warnings.join()).toContain('there is no picture to start from');
  });

  it('fills with noise of the picture’s colours', () => {
    const image = photo(24, 16);
    const mask = Uint8Array.from({ length: 24 * 16 }, (_, i) => (i % 24 < 8 ? 255 : 0));
    const random = Float32Array.from({ length: 3 * 24 * 16 }, (_, i) => Math.sin(i * 12.9898) * 2);
    const filled = shapedNoise(image, mask, { falloff: 1, colorVariation: 0.05, random });
    expect(rows(filled, 0, 16, 8, 24)).toEqual(rows(image, 0, 16, 8, 24));
    expect(rows(filled, 0, 16, 0, 8)).not.toEqual(rows(image, 0, 16, 0, 8));
    for (let c = 0; c < 3; c++) {
      const of = (from: number, to: number) =>
        rows(filled, 0, 16, from, to)
          .flat()
          .filter((_, i) => i % 3 === c);
      const [made, seen] = [of(0, 8), of(8, 24)];
      expect(Math.max(...made)).toBeLessThanOrEqual(Math.max(...seen));
      const mean = (values: number[]) => values.reduce((sum, v) => sum + v, 0) / values.length;
      expect(mean(made)).toBeCloseTo(mean(seen), -0.5);
    }
  });
});

describe('a picture of another shape', () => {
  it.each(['Just resize', 'Crop and resize', 'Resize and fill'])('is made to fit by %s', (mode) => {
    const top = 8;
    const image = { width: 4, height: 2, channels: 1, data: Uint8Array.of(0, 60, 120, 250, 0, 60, 120, 250) } as const;
    const made = fitted(image, { width: 16, height: 24 }, mode);
    expect([made.width, made.height]).toEqual([16, 24]);
    if (mode !== 'Resize and fill') return;
    expect(rows(made, 0, top, 0, 16)).toEqual(Array.from({ length: top }, () => rows(made, top, top + 1, 0, 16)[0]));
  });

  it('is drawn from in each mode, also as a latent', async () => {
    const init = photo(40, 24);
    const seen = new Set<string>();
    for (const resizeMode of [
      'Just resize',
      'Crop and resize',
      'Resize and fill',
      'Just resize (latent upscale)',
    ] as const) {
      const { image, warnings } = await draw({ init, resizeMode, width: 64, height: 64, denoisingStrength: 0.4 });
      expect([image.width, image.height, warnings]).toEqual([64, 64, []]);
      seen.add(image.data.join());
    }
    expect(seen.size).toBe(4);
  });
});

it('masks in part where the mask is not rounded, and blurs by axis', async () => {
  const init = photo(32, 32);
  const data = Uint8Array.from({ length: 1024 }, (_, i) => (i % 32 < 15 ? 255 : 0));
  const mask = { width: 32, height: 32, channels: 1, data } as const;
  const ask = { init, mask, width: 32, height: 32 } as unknown as GenerateInput;
  const small = { ...ask, width: undefined, height: undefined };
  const [hard, soft, flat] = [
    await draw({ ...small, maskBlur: 6 }),
    await draw({ ...small, maskBlur: 6, maskRound: false }),
    await draw({ ...small, maskBlur: 6, maskBlurY: 0 }),
  ];
  expect(soft.image.data).not.toEqual(hard.image.data);
  expect(soft.infotext).toContain('Mask rounding: False');
  expect(flat.infotext).toContain('Mask blur y: 0');
});

it('draws the latent anew by a mask of its own, and shows of it what the mask shows', async () => {
  const init = photo(64, 64);
  const half = Uint8Array.from({ length: 4096 }, (_, i) => (i % 64 < 32 ? 255 : 0));
  const maskOf = (data: Uint8Array) => ({ width: 64, height: 64, channels: 1, data }) as const;
  const [mask, white, black] = [maskOf(half), maskOf(half.map(() => 255)), maskOf(half.map(() => 0))];
  const ask = { init, mask, maskBlur: 0, maskedContent: 'fill', width: 64, height: 64 } as const;
  const plain = await draw(ask);
  expect((await draw({ ...ask, latentMask: mask })).image).toEqual(plain.image);
  const all = (await draw({ ...ask, latentMask: white })).image;
  expect(rows(all, 0, 64, 0, 32)).not.toEqual(rows(plain.image, 0, 64, 0, 32));
  expect(rows(all, 0, 64, 32, 64)).toEqual(rows(init, 0, 64, 32, 64));
  // Nothing of the latent is drawn: no seed shows.
  const kept = (await draw({ ...ask, latentMask: black })).image;
  expect((await draw({ ...ask, latentMask: black, seed: 6 })).image).toEqual(kept);
  expect((await draw({ ...ask, seed: 6 })).image).not.toEqual(plain.image);
  await expect(draw({ init, latentMask: white })).rejects.toThrow(/needs a mask/);
});

it('brings colours back to those of the picture it starts from', async () => {
  const mean = ({ data }: PixelImage) =>
    [0, 1, 2].map((c) => data.filter((_, i) => i % 3 === c).reduce((s, v) => s + v, 0) / (data.length / 3));
  const init = photo(32, 32);
  const painted = { ...photo(32, 32, 40), data: photo(32, 32, 40).data.map((v, i) => (i % 3 === 0 ? 255 - v : v)) };
  const corrected = correctColours(painted, init);
  const [before, after, wanted] = [mean(painted), mean(corrected), mean(init)];
  const hue = (m: number[]) => m[0]! - m[2]!;
  expect(Math.abs(hue(after) - hue(wanted))).toBeLessThan(Math.abs(hue(before) - hue(wanted)) / 2);
  const drawn = await draw({ init, colorCorrection: true, denoisingStrength: 0.8 });
  expect(drawn.infotext).toContain('Color correction: True');
});
