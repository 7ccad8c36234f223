/**
 * Small affine distortions of a digit: shift, scale, squeeze and slant, as LeCun et al. 1998 (section III.A) enlarge
 * their training set. Amounts are ours; the paper gives none.
 */

import type { RandomSource } from '#training/random';
import { side } from './digits.ts';

const largest = { shift: 1.5, scale: 0.1, squeeze: 0.06, turn: 0.17, slant: 0.15 };

/** Writes a distorted copy of `image` [28, 28] (any scale, `paper` around it) to `out` at `at`. */
export function distort(image: Float32Array, paper: number, random: RandomSource, out: Float32Array, at: number): void {
  const draw = (most: number): number => (2 * random.uniform() - 1) * most;
  const [angle, slant, scale, squeeze] = [
    draw(largest.turn),
    draw(largest.slant),
    draw(largest.scale),
    draw(largest.squeeze),
  ];
  const [right, down] = [draw(largest.shift), draw(largest.shift)];
  // Where a pixel of the result comes from: turned, slanted and scaled around the middle.
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const [sx, sy] = [1 + scale + squeeze, 1 + scale - squeeze];
  const m = [cos * sx, (slant * cos - sin) * sx, sin * sy, (slant * sin + cos) * sy] as const;
  const middle = (side - 1) / 2;
  const pixel = (x: number, y: number): number =>
    x < 0 || y < 0 || x >= side || y >= side ? paper : image[y * side + x]!;
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const [dx, dy] = [x - middle, y - middle];
      const fromX = m[0] * dx + m[1] * dy + middle - right;
      const fromY = m[2] * dx + m[3] * dy + middle - down;
      const [left, top] = [Math.floor(fromX), Math.floor(fromY)];
      const [u, v] = [fromX - left, fromY - top];
      const above = (1 - u) * pixel(left, top) + u * pixel(left + 1, top);
      const below = (1 - u) * pixel(left, top + 1) + u * pixel(left + 1, top + 1);
      out[at + y * side + x] = (1 - v) * above + v * below;
    }
  }
}
