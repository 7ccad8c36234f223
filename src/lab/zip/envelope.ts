/** A line of an envelope as a camera sees it: handwritten digits on paper with grain, a ruled line and uneven light. */

import type { PixelImage } from '#core/image';
import type { RandomSource } from '#training/random';
import { type Digits, pixels, side } from '../data/digits.ts';

export interface Line {
  readonly image: PixelImage;
  /** What is written on it. */
  readonly text: string;
}

const zoom = 2;
const [margin, gap] = [30, 10];

/** Digits of these places, written from left to right at slightly different sizes and heights. */
export function writeLine(digits: Digits, places: readonly number[], random: RandomSource): Line {
  const advance = zoom * side * 0.75 + gap;
  const width = Math.ceil(2 * margin + places.length * advance);
  const height = zoom * side + 2 * margin;
  const darkness = new Float32Array(width * height);
  places.forEach((place, n) => {
    const size = zoom * (0.9 + 0.2 * random.uniform());
    const [left, top] = [margin + n * advance, margin + 8 * (random.uniform() - 0.5)];
    stamp(digits.images.subarray(place * pixels, (place + 1) * pixels), { left, top, size }, darkness, width);
  });
  const rule = height - Math.round(0.6 * margin);
  for (let x = 8; x < width - 8; x++) for (let y = rule; y < rule + 2; y++) darkness[y * width + x] = 0.6;
  const slope = [random.uniform() - 0.5, random.uniform() - 0.5] as const;
  const data = new Uint8Array(darkness.length * 3);
  darkness.forEach((dark, i) => {
    const [x, y] = [(i % width) / width, Math.floor(i / width) / height];
    const light = 0.85 + 0.2 * (slope[0] * x + slope[1] * y) + 0.015 * random.normal();
    // Blue ink on yellowish paper.
    const shades = [1 - 0.85 * dark, 0.97 - 0.8 * dark, 0.9 - 0.45 * dark];
    shades.forEach((shade, c) => {
      data[3 * i + c] = Math.max(0, Math.min(255, Math.round(255 * light * shade)));
    });
  });
  return { image: { width, height, channels: 3, data }, text: places.map((place) => digits.labels[place]!).join('') };
}

interface Stamp {
  readonly left: number;
  readonly top: number;
  /** Pixels of the line for one of the digit. */
  readonly size: number;
}

function stamp(digit: Uint8Array, { left, top, size }: Stamp, out: Float32Array, width: number): void {
  const pixel = (x: number, y: number): number =>
    x < 0 || y < 0 || x >= side || y >= side ? 0 : digit[y * side + x]! / 255;
  for (let y = 0; y < size * side; y++) {
    for (let x = 0; x < size * side; x++) {
      const at = (Math.round(top) + y) * width + Math.round(left) + x;
      if (at < 0 || at >= out.length) continue;
      const [fx, fy] = [(x + 0.5) / size - 0.5, (y + 0.5) / size - 0.5];
      const [u, v] = [fx - Math.floor(fx), fy - Math.floor(fy)];
      const [cx, cy] = [Math.floor(fx), Math.floor(fy)];
      const above = (1 - u) * pixel(cx, cy) + u * pixel(cx + 1, cy);
      const below = (1 - u) * pixel(cx, cy + 1) + u * pixel(cx + 1, cy + 1);
      out[at] = Math.max(out[at]!, (1 - v) * above + v * below);
    }
  }
}
