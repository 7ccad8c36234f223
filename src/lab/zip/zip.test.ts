/** unit: a written line is cut into its digits, each as MNIST has it. */

import { describe, expect, it } from 'vitest';
import type { PixelImage } from '#core/image';
import { readMnist } from '#studio/lab/mnist-files';
import { TrainingRandom } from '#training/random';
import { pixels } from '../data/digits.ts';
import { writeLine } from './envelope.ts';
import { inkOn } from './ink.ts';
import { normalised } from './normalise.ts';
import { segment } from './segment.ts';

const { test: digits } = await readMnist();

function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [ab, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) [ab, aa, bb] = [ab + a[i]! * b[i]!, aa + a[i]! ** 2, bb + b[i]! ** 2];
  return ab / Math.sqrt(aa * bb);
}

function cut(image: PixelImage) {
  const ink = inkOn(image);
  const segmented = segment(ink);
  return { signs: segmented.signs, pictures: segmented.signs.map((sign) => normalised(sign, ink, segmented)) };
}

/** Black bars on white: [left, top, right, bottom]. */
function drawn(
  width: number,
  height: number,
  bars: readonly (readonly number[])[],
  dark = 20,
  light = 235,
): PixelImage {
  const data = new Uint8Array(width * height).fill(light);
  for (const [left, top, right, bottom] of bars as [number, number, number, number][]) {
    for (let y = top; y < bottom; y++) data.fill(dark, y * width + left, y * width + right);
  }
  return { width, height, channels: 1, data };
}

const kinds = (image: PixelImage): string[] => cut(image).signs.map(({ kind }) => kind);

describe('a written line', () => {
  it('gives its digits back as MNIST has them', () => {
    const places = [0, 1, 2, 3, 4, 5, 6, 7];
    const { image } = writeLine(digits, places, new TrainingRandom(4));
    const { pictures } = cut(image);
    expect(pictures).toHaveLength(places.length);
    const original = (place: number) => digits.images.subarray(place * pixels, (place + 1) * pixels);
    const alike = places.map((place, n) => cosine(pictures[n]!, original(place)));
    // Written smaller or larger and with grain, so not the same pixels; neighbours that are other digits come to 0.09 to 0.42.
    expect(Math.min(...alike)).toBeGreaterThan(0.8);
    expect(alike.reduce((sum, each) => sum + each, 0) / alike.length).toBeGreaterThan(0.9);
  });

  it('is read on dark paper too', () => {
    const { image } = writeLine(digits, [0, 1, 2], new TrainingRandom(4));
    expect(kinds({ ...image, data: image.data.map((v) => 255 - v) })).toHaveLength(3);
  });

  it('puts a bar that stands free to its digit, and leaves out specks and ruled lines', () => {
    const digit = [20, 30, 26, 70];
    const bar = [20, 22, 40, 26];
    const speck = [60, 40, 62, 42];
    const rule = [0, 85, 200, 87];
    const { signs } = cut(drawn(200, 100, [digit, bar, speck, rule, [90, 28, 96, 72]]));
    expect(signs.map(({ left, top, right, bottom }) => [left, top, right, bottom])).toEqual([
      [20, 22, 40, 70],
      [90, 28, 96, 72],
    ]);
  });

  it('cuts digits that touch, and knows a dash', () => {
    const touching = [
      [20, 20, 26, 60],
      [20, 40, 86, 44],
      [80, 20, 86, 60],
    ];
    expect(kinds(drawn(220, 90, [...touching, [100, 38, 125, 44], [150, 20, 156, 60]]))).toEqual([
      'digit',
      'digit',
      'dash',
      'digit',
    ]);
  });

  it('holds nothing on blank paper', () => {
    expect(kinds(drawn(80, 60, []))).toEqual([]);
    expect(kinds(drawn(1, 1, []))).toEqual([]);
  });
});
