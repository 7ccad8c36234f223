/** unit: scores of drawn pictures, against SciPy 1.17 (sqrtm, spearmanr) and counts by hand. */

import { describe, expect, it } from 'vitest';
import { frechetDistance, momentsOf } from './frechet.ts';
import { precisionRecall } from './neighbours.ts';
import { expectedCoverage, modeCoverage, shareDistance, sharesOf } from './shares.ts';
import { rankCorrelation, summaryOf } from './statistics.ts';
import { multiply, rootOf } from './symmetric.ts';

/** The same numbers as in the script that asked SciPy. */
function features(count: number, width: number, a: number, b: number): Float32Array {
  return Float32Array.from({ length: count * width }, (_, n) => {
    const [i, j] = [Math.floor(n / width), n % width];
    return Math.sin(a * (i + 1) * (j + 2) + b * i) + 0.1 * j * Math.cos(b * i * i);
  });
}

describe('the Frechet distance', () => {
  it('is that of SciPy’s matrix root', () => {
    const [x, y] = [momentsOf(features(12, 4, 0.7, 0.3), 4), momentsOf(features(15, 4, 0.5, 0.9), 4)];
    expect(frechetDistance(x, y)).toBeCloseTo(0.15986189527268135, 6);
    expect(frechetDistance(x, x)).toBeCloseTo(0, 9);
  });

  it('stands where a covariance has no full rank', () => {
    const flat = momentsOf(Float32Array.from([0, 0, 1, 1, 2, 2]), 2);
    // A shift of all by (3, 0) leaves the covariance.
    expect(frechetDistance(flat, momentsOf(Float32Array.from([3, 0, 4, 1, 5, 2]), 2))).toBeCloseTo(9, 6);
  });

  it('has a root whose square is the matrix', () => {
    const { covariance } = momentsOf(features(12, 4, 0.7, 0.3), 4);
    const root = rootOf(covariance, 4);
    multiply(root, root, 4).forEach((v, i) => {
      expect(v).toBeCloseTo(covariance[i]!, 10);
    });
  });
});

describe('precision and recall', () => {
  it('count what lies in the other’s balls', () => {
    // Of each real number the nearest other is 1 away; 0.5 alone is that near. The ball of 0.5 reaches 9.5 far.
    const scores = precisionRecall(Float32Array.from([0, 1, 2, 3]), Float32Array.from([0.5, 10, 10.5, 11, 11.5]), 1, 1);
    expect(scores).toEqual({ precision: 0.2, recall: 1 });
    expect(precisionRecall(Float32Array.from([0, 1, 2, 3]), Float32Array.from([8, 9, 10, 11]), 1, 2)).toEqual({
      precision: 0,
      recall: 0,
    });
  });
});

describe('shares', () => {
  it('are told apart by half their differences', () => {
    expect(sharesOf([0, 0, 1, 3], 4)).toEqual([0.5, 0.25, 0, 0.25]);
    expect(shareDistance([0.5, 0.25, 0, 0.25], [0.25, 0.25, 0.25, 0.25])).toBe(0.25);
    expect(shareDistance([1, 0], [0, 1])).toBe(1);
  });

  it('cover modes', () => {
    expect(modeCoverage([7, 7, 9, 9], 10)).toEqual({ covered: 2, divergence: Math.log(5) });
    expect(expectedCoverage(2, 10)).toBeCloseTo(1.9, 12);
  });
});

describe('statistics', () => {
  it('summarise', () => {
    expect(summaryOf([1, 2, 6])).toEqual({ count: 3, mean: 3, deviation: Math.sqrt(7), least: 1, most: 6 });
    expect(summaryOf([])).toBeUndefined();
  });

  it('rank as SciPy does, with equal values', () => {
    expect(rankCorrelation([3, 1, 4, 1, 5, 9], [2, 7, 1, 8, 2, 8])).toBeCloseTo(-0.1343433226559697, 12);
    expect(rankCorrelation([1, 1], [1, 2])).toBeUndefined();
  });
});
