/** Linear interpolation along one axis, as taps and as a matrix. */

import type { DType } from '#core/dtype';
import { tensor } from '#core/tensor';
import { constant } from './build.ts';
import { fillHost } from './host.ts';
import type { Value } from './value.ts';

/** The source position, as two neighbours and the weight of the second, of output `i` in linear interpolation. */
export function linearTap(
  i: number,
  from: number,
  to: number,
  alignCorners: boolean,
): { low: number; high: number; weight: number } {
  const position = alignCorners
    ? to > 1
      ? (i * (from - 1)) / (to - 1)
      : 0
    : Math.max(0, ((i + 0.5) * from) / to - 0.5);
  const low = Math.min(Math.floor(position), from - 1);
  const high = Math.min(low + 1, from - 1);
  return { low, high, weight: position - low };
}

/** The matrix [to, from] that resizes one axis linearly. */
export function interpolationMatrix(dtype: DType, from: number, to: number, alignCorners: boolean): Value {
  const weights = new Float64Array(from * to);
  for (let i = 0; i < to; i++) {
    const { low, high, weight } = linearTap(i, from, to, alignCorners);
    weights[i * from + low]! += 1 - weight;
    weights[i * from + high]! += weight;
  }
  return constant(
    tensor(
      dtype,
      [to, from],
      fillHost(dtype, from * to, (i) => weights[i]!),
    ),
  );
}
