/**
 * Precision and recall of made pictures (Kynkaanniemi et al. 2019, arXiv:1904.06991): a set is taken as the union of
 * balls around its members that reach to their k-th nearest neighbours. Precision is the share of the made that lie in
 * the real set, recall the share of the real that lie in the made set. k = 3, as in the paper.
 */

export interface PrecisionRecall {
  readonly precision: number;
  readonly recall: number;
}

/** Features [count, width] each. */
export function precisionRecall(real: Float32Array, made: Float32Array, width: number, k = 3): PrecisionRecall {
  return { precision: shareInside(made, real, width, k), recall: shareInside(real, made, width, k) };
}

function shareInside(points: Float32Array, set: Float32Array, width: number, k: number): number {
  const radii = squaredReach(set, width, k);
  const count = points.length / width;
  let inside = 0;
  for (let n = 0; n < count; n++) {
    if (radii.some((radius, m) => squaredDistance(points, n, set, m, width) <= radius)) inside++;
  }
  return inside / count;
}

/** Squared distance of each member to its k-th nearest other. */
function squaredReach(set: Float32Array, width: number, k: number): Float64Array {
  const count = set.length / width;
  return Float64Array.from({ length: count }, (_, n) => {
    const nearest = new Array<number>(k).fill(Number.POSITIVE_INFINITY);
    for (let m = 0; m < count; m++) {
      if (m === n) continue;
      const d = squaredDistance(set, n, set, m, width);
      if (d >= nearest[k - 1]!) continue;
      nearest[k - 1] = d;
      nearest.sort((a, b) => a - b);
    }
    return nearest[k - 1]!;
  });
}

function squaredDistance(a: Float32Array, n: number, b: Float32Array, m: number, width: number): number {
  let sum = 0;
  for (let i = 0; i < width; i++) sum += (a[n * width + i]! - b[m * width + i]!) ** 2;
  return sum;
}
