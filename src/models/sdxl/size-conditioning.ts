/**
 * SDXL's vector input: the pooled text, then sinusoids of a few numbers that say how the picture was cut
 * (Podell et al. 2023, arXiv:2307.01952, section 2.2).
 */

import type { Condition } from '../family.ts';

const maxPeriod = 10000;

/** Cosines, then sines of each number, as the network's time embedding orders them: [numbers.length * width]. */
export function numberSinusoids(numbers: readonly number[], width: number): Float32Array {
  const half = width / 2;
  const out = new Float32Array(numbers.length * width);
  for (const [i, number] of numbers.entries()) {
    for (let k = 0; k < half; k++) {
      const angle = number * Math.exp((-Math.log(maxPeriod) * k) / half);
      out[i * width + k] = Math.cos(angle);
      out[i * width + half + k] = Math.sin(angle);
    }
  }
  return out;
}

/** `vectorWidth`: of the whole. */
export function conditioningVector(
  pooled: Float32Array,
  numbers: readonly number[],
  vectorWidth: number,
): Float32Array {
  const out = new Float32Array(vectorWidth);
  out.set(pooled);
  out.set(numberSinusoids(numbers, (vectorWidth - pooled.length) / numbers.length), pooled.length);
  return out;
}

/** Height, width, top, left of the crop, height and width aimed at: a picture that was neither scaled nor cut. */
export function baseNumbers({ size: { width, height } }: Condition): number[] {
  return [height, width, 0, 0, height, width];
}

/** Aesthetic scores that the refiner was trained to tell apart. */
const scores = { positive: 6, negative: 2.5 };

/** Height, width, top, left, and how good it should look. */
export function refinerNumbers({ size: { width, height }, negative }: Condition): number[] {
  return [height, width, 0, 0, negative ? scores.negative : scores.positive];
}
