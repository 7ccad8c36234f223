/** One comparison of a golden row: `error` in the measure that the golden file names, to be at most `tolerance`. */
export interface RowCheck {
  readonly name: string;
  readonly error: number;
  readonly tolerance: number;
}

/** A number as the golden files write it: non-finite values are strings. */
export type GoldenNumber = number | 'inf' | '-inf' | 'nan';

function goldenNumber(value: GoldenNumber): number {
  if (typeof value === 'number') return value;
  return value === 'nan' ? Number.NaN : value === 'inf' ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
}

/** Numbers of an arbitrarily nested list, in row-major order. */
export function flatNumbers(value: unknown): number[] {
  return Array.isArray(value) ? value.flatMap(flatNumbers) : [goldenNumber(value as GoldenNumber)];
}

/** max |a-b|; infinite where lengths differ or a value is not a number. */
export function absoluteError(got: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (got.length !== expected.length) return Number.POSITIVE_INFINITY;
  let worst = 0;
  for (let i = 0; i < expected.length; i++) {
    const difference = got[i] === expected[i] ? 0 : Math.abs(got[i]! - expected[i]!);
    if (!(difference <= worst)) worst = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference;
  }
  return worst;
}

/** max |a-b| / max |b|, the measure of the golden files; absolute where every expected value is 0. */
export function relativeError(got: ArrayLike<number>, expected: ArrayLike<number>): number {
  let scale = 0;
  for (let i = 0; i < expected.length; i++) scale = Math.max(scale, Math.abs(expected[i]!));
  return absoluteError(got, expected) / (scale || 1);
}
