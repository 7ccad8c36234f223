/**
 * SDXL's vector input: the pooled text, then sinusoids of a few numbers that say how the picture was cut
 * (Podell et al. 2023, arXiv:2307.01952, section 2.2).
 */

import type { Condition, DenoiserPart } from '../family.ts';

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

/** What a model's numbers are, and what of a picture they tell. */
export interface PictureNumbers {
  of(condition: Condition): readonly number[];
  readonly reads: DenoiserPart['reads'];
}

/** Height, width, top, left of the crop, height and width aimed at: a picture that was not scaled, nor cut if not told. */
export const baseNumbers: PictureNumbers = {
  of: ({ size: { width, height }, told }) => [height, width, told?.cropTop ?? 0, told?.cropLeft ?? 0, height, width],
  reads: ['cropTop', 'cropLeft'],
};

/** Aesthetic scores that the refiner was trained to tell apart. */
const scores = { positive: 6, negative: 2.5 };

/** Height, width, top, left, and how good it should look. */
export const refinerNumbers: PictureNumbers = {
  of({ size: { width, height }, negative, told }) {
    const [good, bad] = [told?.aestheticScore ?? scores.positive, told?.negativeAestheticScore ?? scores.negative];
    return [height, width, told?.cropTop ?? 0, told?.cropLeft ?? 0, negative ? bad : good];
  },
  reads: ['cropTop', 'cropLeft', 'aestheticScore', 'negativeAestheticScore'],
};
