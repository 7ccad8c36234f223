import { describe, expect, it } from 'vitest';
import type { PixelImage } from '#core/image';
import { gaussianBlur } from './blur.ts';
import { annotate, annotators, findAnnotator } from './index.ts';
import { atResolution, resized } from './scaled.ts';

function picture(width: number, height: number, at: (x: number, y: number) => readonly number[]): PixelImage {
  const cells = Array.from({ length: width * height }, (_, i) => at(i % width, Math.floor(i / width)));
  return { width, height, channels: 3, data: Uint8Array.from(cells.flat()) };
}

const grey = (v: number): readonly number[] => [v, v, v];
const half = picture(64, 64, (x) => grey(x < 32 ? 0 : 255));
const red = ({ data }: PixelImage): number[] => Array.from(data).filter((_, i) => i % 3 === 0);
const row = ({ width, ...image }: PixelImage, y: number): number[] =>
  red({ width, ...image }).slice(y * width, (y + 1) * width);
const of = (name: string, image: PixelImage, settings = {}) =>
  annotate(findAnnotator(name)!, image, { resolution: Math.min(image.width, image.height), ...settings }).image;

describe('canny', () => {
  it('draws a line one pixel wide along an edge, on the darker side as OpenCV does', () => {
    const edges = of('canny', half);
    for (const y of [0, 30, 63])
      expect(row(edges, y)).toEqual(Array.from({ length: 64 }, (_, x) => (x === 31 ? 255 : 0)));
  });

  it('finds the edge of the strongest channel', () => {
    const coloured = picture(64, 64, (x) => (x < 32 ? [200, 10, 10] : [200, 10, 250]));
    expect(red(of('canny', coloured)).filter((v) => v === 255)).toHaveLength(64);
  });

  it('keeps weak edges that touch strong ones, and no others', () => {
    // The step fades from the top to the bottom: gradients of 4 times its height.
    const fading = picture(64, 64, (x, y) => grey(x < 32 ? 0 : 80 - y));
    const column = row(of('canny', fading, { a: 100, b: 200 }), 0);
    expect(column.slice(31, 33)).toContain(255);
    const lengths = [100, 200].map((low) => red(of('canny', fading, { a: low, b: 255 })).filter((v) => v > 0).length);
    expect(lengths[0]).toBeGreaterThan(lengths[1]!);
    const alone = picture(64, 64, (x) => grey(x < 32 ? 0 : 40));
    expect(red(of('canny', alone, { a: 100, b: 200 })).every((v) => v === 0)).toBe(true);
  });

  it('takes its thresholds in either order', () => {
    expect(of('canny', half, { a: 200, b: 100 })).toEqual(of('canny', half, { a: 100, b: 200 }));
  });
});

describe('the others', () => {
  it('invert swaps light and dark', () => {
    expect(row(of('invert', half), 5)).toEqual(row(half, 5).map((v) => 255 - v));
  });

  it('threshold looks at the darkest channel', () => {
    const mixed = picture(64, 64, (x) => (x < 32 ? [255, 255, 100] : [140, 200, 180]));
    expect(row(of('threshold', mixed, { a: 127 }), 0)).toEqual(
      Array.from({ length: 64 }, (_, x) => (x < 32 ? 0 : 255)),
    );
  });

  it('scribbles and line drawings are where it gets darker, and empty on plain paper', () => {
    const line = picture(64, 64, (x) => grey(Math.abs(x - 32) < 2 ? 0 : 255));
    for (const name of ['scribble_xdog', 'lineart_standard']) {
      expect(row(of(name, line), 20)[32], name).toBeGreaterThan(100);
      expect(row(of(name, line), 20)[4], name).toBe(0);
      expect(
        red(
          of(
            name,
            picture(64, 64, () => grey(200)),
          ),
        ).every((v) => v === 0),
        name,
      ).toBe(true);
    }
  });

  it('blur keeps the mean and softens edges; on bytes with OpenCV’s weights', () => {
    const soft = row(of('blur_gaussian', half, { a: 4 }), 32);
    expect(soft[31]).toBeGreaterThan(100);
    expect(soft[31]! + soft[32]!).toBeCloseTo(255, -1);
    expect([soft[0], soft[63]]).toEqual([0, 255]);
    const impulse = { width: 21, height: 1, channels: 1 };
    const spread = gaussianBlur(Array(21).fill(0).with(10, 256), impulse, 0.8, false);
    expect(spread.reduce((a, b) => a + b, 0)).toBeCloseTo(256, 6);
    expect(spread[10]! / spread[11]!).toBeCloseTo(Math.exp(1 / (2 * 0.64)), 6);
  });

  it('tile_resample makes it smaller by its rate', () => {
    expect(of('tile_resample', half, { a: 2 })).toMatchObject({ width: 32, height: 32 });
    expect(of('tile_resample', half, { a: 1 })).toEqual(half);
  });

  it('shuffle moves colours and makes none', () => {
    const coloured = picture(64, 64, (x) => (x < 32 ? [200, 10, 10] : [20, 10, 250]));
    const moved = of('shuffle', coloured);
    expect(moved.data).not.toEqual(coloured.data);
    for (let i = 0; i < moved.data.length; i += 3) expect(moved.data[i + 1]).toBe(10);
    expect(of('shuffle', coloured)).toEqual(moved);
  });

  it('recolouring sees brightness alone', () => {
    const coloured = picture(64, 64, () => [255, 0, 0]);
    expect(of('recolor_luminance', coloured).data[0]).toBe(Math.trunc((255 * 53.24) / 100));
    expect(of('recolor_intensity', coloured).data[0]).toBe(255);
    expect(
      of(
        'recolor_intensity',
        picture(64, 64, () => grey(64)),
        { a: 0.5 },
      ).data[0],
    ).toBe(127);
  });

  it('inpainting hides what is masked, and needs a mask', () => {
    const mask = new Uint8Array(64 * 64).fill(255, 0, 64);
    expect(annotate(findAnnotator('inpaint')!, half, { mask }).hidden).toBe(mask);
    expect(() => annotate(findAnnotator('inpaint_only')!, half, {})).toThrow('needs a mask');
  });
});

describe('the table', () => {
  it('has each name once, aliases included, and takes thresholds out of bounds for its own', () => {
    const names = annotators.flatMap(({ name, aliases = [] }) => [name, ...aliases]);
    expect(new Set(names).size).toBe(names.length);
    expect(findAnnotator(' Canny ')?.name).toBe('canny');
    expect(of('canny', half, { a: -1, b: 9999 })).toEqual(of('canny', half));
  });
});

describe('sizes', () => {
  it('are those of OpenCV: means of what is covered, cubics between', () => {
    const ramp = picture(6, 6, (x) => grey(x * 30));
    expect(row(atResolution(ramp, 4), 0)).toEqual([10, 50, 100, 140]);
    expect(row(resized(ramp, { width: 3, height: 3 }), 0)).toEqual([15, 75, 135]);
    expect(
      row(
        resized(
          picture(2, 2, (x) => grey(x * 100)),
          { width: 4, height: 4 },
        ),
        0,
      ),
    ).toEqual([0, 23, 77, 111]);
  });

  it('are bounded', () => {
    const sliver = picture(4096, 1, () => grey(0));
    expect(() => atResolution(sliver, 512)).toThrow('more than can be made');
  });
});
