/**
 * The product of a given rank nearest to a matrix, by randomised subspace iteration: Halko, Martinsson and Tropp 2011,
 * "Finding structure with randomness" (arXiv:0909.4061), algorithms 4.4 and 5.1. Exact where the rank comes near to the
 * matrix' smaller side. Sums in float64 where they decide about directions.
 */

import { TorchCpuGenerator } from '#core/random/torch-cpu';
import type { LowRank } from './kinds.ts';
import { type Matrix, product, transposed } from './matrix.ts';

/** Directions beside those that are asked for, and rounds that pull them towards the largest ones. */
const oversampling = 10;
const rounds = 3;

export interface Factored extends LowRank {
  /** The part of the matrix' energy (squared Frobenius norm) that the product holds, 0..1. */
  readonly kept: number;
}

/** `weight` [out, in, ...kernel] to up [out, rank] and down [rank, in, ...kernel], each with the root of the strengths. */
export function factored(weight: Matrix, rank: number): Factored {
  const [rows, ...inner] = weight.shape as [number, ...number[]];
  const columns = weight.data.length / rows;
  const matrix = { shape: [rows, columns], data: weight.data };
  const turned = transposed(matrix);
  const size = Math.min(rank + oversampling, rows, columns);
  const own = Math.min(rank, size);
  // Directions are rows here, so that a step runs along memory.
  let left = orthonormal(product(randomRows(size, columns), turned));
  for (let round = 0; round < rounds; round++) {
    left = orthonormal(product(orthonormal(product(left, matrix)), turned));
  }
  const small = product(left, matrix);
  const { values, vectors } = eigenvectors(gram(small), size);
  const energy = weight.data.reduce((sum, v) => sum + v * v, 0);
  const strengths = values.slice(0, own).map((v) => Math.sqrt(Math.max(v, 0)));
  const rotation = { shape: [own, size], data: vectors.subarray(0, own * size) };
  const up = transposed(scaledRows(product(rotation, left), (i) => Math.sqrt(strengths[i]!)));
  const down = scaledRows(product(rotation, small), (i) => (strengths[i]! > 0 ? 1 / Math.sqrt(strengths[i]!) : 0));
  const kept = energy === 0 ? 1 : strengths.reduce((sum, s) => sum + s * s, 0) / energy;
  return { up, down: { shape: [own, ...inner], data: down.data }, kept: Math.min(kept, 1) };
}

function randomRows(count: number, length: number): Matrix {
  return { shape: [count, length], data: new TorchCpuGenerator(0).randn([count, length]) };
}

function scaledRows({ shape, data }: Matrix, factor: (row: number) => number): Matrix {
  const columns = data.length / shape[0]!;
  return { shape, data: data.map((v, i) => v * factor(Math.floor(i / columns))) };
}

/** Rows made orthonormal by Gram and Schmidt, twice over; a row that the others span becomes zero. */
function orthonormal({ shape, data }: Matrix): Matrix {
  const [count, length] = shape as [number, number];
  const out = data.slice();
  const row = (i: number): Float32Array => out.subarray(i * length, (i + 1) * length);
  for (let i = 0; i < count; i++) {
    const own = row(i);
    const before = Math.sqrt(dot(own, own));
    for (let turn = 0; turn < 2; turn++) {
      for (let j = 0; j < i; j++) {
        const other = row(j);
        const along = dot(own, other);
        if (along !== 0) for (let k = 0; k < length; k++) own[k]! -= along * other[k]!;
      }
    }
    const norm = Math.sqrt(dot(own, own));
    const isSpanned = norm <= 1e-6 * before || before === 0;
    for (let k = 0; k < length; k++) own[k] = isSpanned ? 0 : own[k]! / norm;
  }
  return { shape, data: out };
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let k = 0; k < a.length; k++) sum += a[k]! * b[k]!;
  return sum;
}

/** [n, n] of the products of rows. */
function gram({ shape, data }: Matrix): Float64Array {
  const [n, length] = shape as [number, number];
  const out = new Float64Array(n * n);
  const row = (i: number): Float32Array => data.subarray(i * length, (i + 1) * length);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      const value = dot(row(i), row(j));
      out[i * n + j] = value;
      out[j * n + i] = value;
    }
  }
  return out;
}

/** Of a symmetric matrix [n, n] by Jacobi's rotations: the largest first, vectors as rows. */
function eigenvectors(matrix: Float64Array, n: number): { values: number[]; vectors: Float32Array } {
  const a = matrix.slice();
  const v = new Float64Array(n * n);
  for (let i = 0; i < n; i++) v[i * n + i] = 1;
  for (let sweep = 0; sweep < 30 && offDiagonal(a, n) > 1e-22 * (trace(a, n) ** 2 + Number.MIN_VALUE); sweep++) {
    for (let p = 0; p < n; p++) for (let q = p + 1; q < n; q++) rotate(a, v, n, p, q);
  }
  const order = Array.from({ length: n }, (_, i) => i).sort((i, j) => a[j * n + j]! - a[i * n + i]!);
  const vectors = new Float32Array(n * n);
  for (const [row, from] of order.entries()) vectors.set(v.subarray(from * n, (from + 1) * n), row * n);
  return { values: order.map((i) => a[i * n + i]!), vectors };
}

function offDiagonal(a: Float64Array, n: number): number {
  let sum = 0;
  for (let i = 0; i < n; i++) for (let j = 0; j < i; j++) sum += a[i * n + j]! ** 2;
  return sum;
}

function trace(a: Float64Array, n: number): number {
  let sum = 0;
  for (let i = 0; i < n; i++) sum += a[i * n + i]!;
  return sum;
}

/** Zeroes a[p, q]; Golub and Van Loan, algorithm 8.5.1. */
function rotate(a: Float64Array, v: Float64Array, n: number, p: number, q: number): void {
  const apq = a[p * n + q]!;
  if (apq === 0) return;
  const tau = (a[q * n + q]! - a[p * n + p]!) / (2 * apq);
  const t = (tau >= 0 ? 1 : -1) / (Math.abs(tau) + Math.sqrt(1 + tau * tau));
  const c = 1 / Math.sqrt(1 + t * t);
  const s = t * c;
  for (let k = 0; k < n; k++) turn(a, k * n + p, k * n + q, c, s);
  for (let k = 0; k < n; k++) turn(a, p * n + k, q * n + k, c, s);
  for (let k = 0; k < n; k++) turn(v, p * n + k, q * n + k, c, s);
}

function turn(m: Float64Array, i: number, j: number, c: number, s: number): void {
  const [x, y] = [m[i]!, m[j]!];
  m[i] = c * x - s * y;
  m[j] = s * x + c * y;
}
