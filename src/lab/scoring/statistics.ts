/** Means with their spread, and how well one order follows another. */

export interface Summary {
  readonly count: number;
  readonly mean: number;
  /** Standard deviation of the values (divisor count - 1); 0 for one value. */
  readonly deviation: number;
  readonly least: number;
  readonly most: number;
}

/** Undefined for no values. */
export function summaryOf(values: readonly number[]): Summary | undefined {
  const count = values.length;
  if (count === 0) return undefined;
  const mean = values.reduce((a, b) => a + b, 0) / count;
  const squares = values.reduce((sum, v) => sum + (v - mean) ** 2, 0);
  const deviation = count > 1 ? Math.sqrt(squares / (count - 1)) : 0;
  return { count, mean, deviation, least: Math.min(...values), most: Math.max(...values) };
}

/** Places of the values in order, from 0; equal ones share the mean of theirs. */
function ranks(values: readonly number[]): number[] {
  return values.map((v) => {
    const below = values.filter((other) => other < v).length;
    return below + (values.filter((other) => other === v).length - 1) / 2;
  });
}

/** Spearman's rank correlation: 1 where b rises whenever a does; undefined where either never changes. */
export function rankCorrelation(a: readonly number[], b: readonly number[]): number | undefined {
  const [x, y] = [ranks(a), ranks(b)];
  const middle = (a.length - 1) / 2;
  const product = (u: readonly number[], v: readonly number[]): number =>
    u.reduce((sum, value, i) => sum + (value - middle) * (v[i]! - middle), 0);
  const scale = Math.sqrt(product(x, x) * product(y, y));
  return scale === 0 ? undefined : product(x, y) / scale;
}
