/**
 * Frechet distance between two sets of features as if each were normally distributed: |m1 - m2|^2 + tr(C1 + C2 -
 * 2 (C1 C2)^(1/2)) (Dowson and Landau 1982; Heusel et al. 2017, arXiv:1706.08500, where the features are Inception's).
 * The trace of the root is taken as that of (A C2 A)^(1/2) with A the root of C1, which is symmetric.
 */

import { eigen, type Matrix, multiply, rootOf } from './symmetric.ts';

export interface Moments {
  readonly mean: Float64Array;
  /** With divisor count - 1. */
  readonly covariance: Matrix;
}

/** Of features [count, width]; at least two. */
export function momentsOf(features: Float32Array, width: number): Moments {
  const count = features.length / width;
  const mean = new Float64Array(width);
  for (let i = 0; i < features.length; i++) mean[i % width]! += features[i]! / count;
  const covariance = new Float64Array(width * width);
  const d = new Float64Array(width);
  for (let n = 0; n < count; n++) {
    for (let i = 0; i < width; i++) d[i] = features[n * width + i]! - mean[i]!;
    for (let i = 0; i < width; i++) {
      const row = d[i]! / (count - 1);
      for (let j = 0; j < width; j++) covariance[i * width + j]! += row * d[j]!;
    }
  }
  return { mean, covariance };
}

export function frechetDistance(a: Moments, b: Moments): number {
  const n = a.mean.length;
  const root = rootOf(a.covariance, n);
  const { values } = eigen(symmetric(multiply(multiply(root, b.covariance, n), root, n), n), n);
  const common = values.reduce((sum, v) => sum + Math.sqrt(Math.max(v, 0)), 0);
  let distance = -2 * common;
  for (let i = 0; i < n; i++) {
    distance += (a.mean[i]! - b.mean[i]!) ** 2 + a.covariance[i * n + i]! + b.covariance[i * n + i]!;
  }
  return Math.max(distance, 0);
}

/** Without what rounding put between the halves. */
function symmetric(m: Matrix, n: number): Matrix {
  return m.map((v, i) => (v + m[(i % n) * n + Math.floor(i / n)]!) / 2);
}
