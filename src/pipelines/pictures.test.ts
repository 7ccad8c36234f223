/** Resizing, blurring, masks, previews and value ranges. */

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { PixelImage } from '#core/image';
import { type PicturesFile, pictureChecks } from '../../test/goldens/picture-rows.ts';
import { fillMasked, overlayOriginal, prepareMask } from './mask.ts';
import { cover, fitted, flatten, toRgb } from './picture.ts';
import { maskPlane } from './start.ts';

const golden = new URL('../../test/goldens/data/numeric/images.json', import.meta.url);
const checks = pictureChecks(JSON.parse(readFileSync(golden, 'utf8')) as PicturesFile);

it.each(checks)('$name', ({ error, tolerance }) => {
  expect(error).toBeLessThanOrEqual(tolerance);
});

function grey(width: number, height: number, value: (x: number, y: number) => number): PixelImage {
  const data = Uint8Array.from({ length: width * height }, (_, i) => value(i % width, Math.floor(i / width)));
  return { width, height, channels: 1, data };
}

describe('cover', () => {
  it('keeps a picture of the right size', () => {
    const image = grey(8, 8, (x) => x);
    expect(cover(image, { width: 8, height: 8 })).toBe(image);
  });

  it('crops evenly what sticks out', () => {
    // White in the middle third; a square cut out of it sees only white in the centre columns.
    const image = grey(48, 16, (x) => (x >= 16 && x < 32 ? 255 : 0));
    expect([...new Set(cover(image, { width: 16, height: 16 }).data)]).toEqual([255]);
  });

  it.each([
    [1, 1, 64, 64],
    [1, 900, 64, 64],
    [900, 1, 64, 8],
    [7, 5, 512, 8],
  ])('%d x %d fills %d x %d', (w, h, width, height) => {
    const out = cover(
      { width: w, height: h, channels: 3, data: new Uint8Array(3 * w * h).fill(200) },
      { width, height },
    );
    expect([out.width, out.height, out.data.length]).toEqual([width, height, 3 * width * height]);
    expect([...new Set(out.data)]).toEqual([200]);
  });
});

describe('colours', () => {
  it('lays transparency over white', () => {
    const image: PixelImage = { width: 2, height: 1, channels: 4, data: Uint8Array.of(10, 20, 30, 0, 10, 20, 30, 255) };
    expect([...flatten(image).data]).toEqual([255, 255, 255, 10, 20, 30]);
  });

  it('turns grey to RGB', () => {
    expect([...toRgb(grey(2, 1, (x) => 50 * x)).data]).toEqual([0, 0, 0, 50, 50, 50]);
  });
});

describe('masks', () => {
  it('become the plane of a network for inpainting by the nearest pixel', () => {
    const size = { width: 16, height: 24 };
    const pixels = Uint8Array.from({ length: 16 * 24 }, (_, i) => (i % 16 === 8 || i === 16 * 16 ? 128 : 127));
    const plane = maskPlane({ pixels, latent: new Float32Array(6) }, size, { width: 2, height: 3 });
    expect([...plane]).toEqual([0, 1, 0, 1, 1, 1]);
  });

  const options = {
    size: { width: 32, height: 32 },
    latentSize: { width: 4, height: 4 },
    blur: 0,
    invert: false,
  };
  const left = grey(32, 32, (x) => (x < 16 ? 255 : 0));

  it('marks the latent cells to repaint', () => {
    const { latent, pixels } = prepareMask(left, options);
    expect([...latent]).toEqual([1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0]);
    expect(pixels).toEqual(left.data);
  });

  it('inverts', () => {
    expect([...prepareMask(left, { ...options, invert: true }).latent]).toEqual(
      [...prepareMask(left, options).latent].map((v) => 1 - v),
    );
  });

  it('takes transparency as the mask where there is any', () => {
    const data = new Uint8Array(32 * 32 * 4);
    for (let i = 0; i < 32 * 32; i++) data[4 * i + 3] = left.data[i]!;
    const { latent } = prepareMask({ width: 32, height: 32, channels: 4, data }, options);
    expect(latent).toEqual(prepareMask(left, options).latent);
  });

  it('takes luminance of an opaque mask', () => {
    const data = new Uint8Array(32 * 32 * 4).fill(255);
    for (let i = 0; i < 32 * 32; i++) data.fill(left.data[i]!, 4 * i, 4 * i + 3);
    const { latent } = prepareMask({ width: 32, height: 32, channels: 4, data }, options);
    expect(latent).toEqual(prepareMask(left, options).latent);
  });

  it('blurs both ways and stays binary in the latent', () => {
    const { latent, pixels } = prepareMask(left, { ...options, blur: 4 });
    expect(pixels[15]).toBeLessThan(200);
    expect(pixels[16]).toBeGreaterThan(50);
    expect(new Set(latent)).toEqual(new Set([0, 1]));
  });

  it('fits a mask of another size', () => {
    const { latent } = prepareMask(
      grey(7, 7, () => 255),
      options,
    );
    expect([...latent]).toEqual(new Array(16).fill(1));
  });

  it('follow their picture into another shape, blurred as large as they are, with greys as they are', () => {
    const wide = grey(64, 32, (x) => (x < 32 ? 255 : 0));
    const square = { size: { width: 32, height: 32 }, latentSize: { width: 4, height: 4 }, blur: 0, invert: false };
    const shares = (resizeMode: string) =>
      prepareMask(wide, { ...square, over: wide, resizeMode }).pixels.filter((v) => v > 127).length / 1024;
    expect(['Just resize', 'Crop and resize'].map(shares)).toEqual([0.5, 0.5]);
    const left = grey(64, 32, (x) => (x < 16 ? 255 : 0));
    const seen = (resizeMode: string) => prepareMask(left, { ...square, over: left, resizeMode }).latent;
    expect([...seen('Just resize')]).toEqual([1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0]);
    expect([...seen('Crop and resize')]).toEqual(new Array(16).fill(0));
    const edge = (size: number) => {
      const mask = grey(size, size, (x) => (x < size / 2 ? 255 : 0));
      return [...prepareMask(mask, { ...square, over: mask, blur: 8 }).pixels.subarray(0, 32)];
    };
    expect(edge(128).filter((v) => v > 10 && v < 245).length).toBeLessThan(
      edge(32).filter((v) => v > 10 && v < 245).length,
    );
    const pale = prepareMask(
      grey(32, 32, () => 60),
      square,
    );
    expect([new Set(pale.pixels), new Set(pale.latent)]).toEqual([new Set([60]), new Set([0])]);
  });

  it('leaves what is not masked as it was, to the byte', () => {
    const original = toRgb(grey(32, 32, (x, y) => (x * 7 + y * 3) % 256));
    const painted = toRgb(grey(32, 32, () => 9));
    const black = prepareMask(
      grey(32, 32, () => 0),
      options,
    );
    expect(overlayOriginal(painted, original, black).data).toEqual(original.data);
    const white = prepareMask(
      grey(32, 32, () => 255),
      options,
    );
    expect(overlayOriginal(painted, original, white).data).toEqual(painted.data);
  });

  it('fills what is masked with the colours around it', () => {
    const image = toRgb(grey(32, 32, (x) => (x < 16 ? 0 : 180)));
    const filled = fillMasked(image, prepareMask(left, options));
    const inside = filled.data.filter((_, i) => (i / 3) % 32 < 15);
    expect(Math.min(...inside)).toBeGreaterThan(170);
    expect(filled.data[3 * 31]).toBe(180);
  });

  it('fills a wholly masked picture without dividing by nothing', () => {
    const filled = fillMasked(
      toRgb(grey(32, 32, () => 77)),
      prepareMask(
        grey(32, 32, () => 255),
        options,
      ),
    );
    expect([...new Set(filled.data)]).toEqual([0]);
  });
});

it('fills what a picture leaves free with its edge as the web UI does', () => {
  const rows = [100, 60, 200, 216];
  const image = {
    width: 8,
    height: 4,
    channels: 1,
    data: Uint8Array.from({ length: 32 }, (_, i) => rows[i >> 3]!),
  } as const;
  const column = ({ width, data }: PixelImage) => [...data].filter((_, i) => i % width === 3);
  // Pillow 12.3: `resize((8, 2), box=(0, 0, 8, 0))` and `box=(0, 4, 8, 4)`.
  expect(column(fitted(image, { width: 8, height: 8 }, 'Resize and fill'))).toEqual([105, 105, ...rows, 218, 218]);
  // No row is left out where the rest is odd.
  expect(column(fitted(image, { width: 8, height: 5 }, 'Resize and fill'))).toEqual([...rows, 218]);
  const small = { width: 2, height: 1, channels: 1, data: Uint8Array.of(10, 90) } as const;
  expect([...fitted(small, { width: 2, height: 3 }, 'Resize and fill').data]).toEqual([10, 90, 10, 90, 10, 90]);
});
