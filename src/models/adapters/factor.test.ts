/** Factors of matrices, against matrices whose singular values are known. */

import { describe, expect, it } from 'vitest';
import { TorchCpuGenerator } from '#core/random/torch-cpu';
import { factored } from './factor.ts';
import { type Matrix, product } from './matrix.ts';

const random = (seed: number, ...shape: number[]): Matrix => ({
  shape,
  data: new TorchCpuGenerator(seed).randn(shape),
});

const distance = (a: Matrix, b: Matrix): number =>
  Math.sqrt(a.data.reduce((sum, v, i) => sum + (v - b.data[i]!) ** 2, 0));

describe('factoring', () => {
  it('gives back a matrix of that rank, kernels included', () => {
    const whole = product(random(1, 40, 5), random(2, 5, 6, 3, 3));
    const { up, down, kept } = factored(whole, 5);
    expect([up.shape, down.shape]).toEqual([
      [40, 5],
      [5, 6, 3, 3],
    ]);
    expect(kept).toBeCloseTo(1, 5);
    expect(distance(product(up, down), whole)).toBeLessThan(1e-3);
  });

  it('is the nearest of its rank: what is missing are the smaller singular values', () => {
    // Rows and columns of a diagonal are its singular vectors.
    const n = 64;
    const values = Float32Array.from({ length: n }, (_, i) => 10 / (1 + i));
    const diagonal = new Float32Array(n * n);
    for (let i = 0; i < n; i++) diagonal[i * n + i] = values[i]!;
    const whole = { shape: [n, n], data: diagonal };
    const { up, down, kept } = factored(whole, 8);
    const missing = Math.sqrt(values.slice(8).reduce((sum, v) => sum + v * v, 0));
    expect(distance(product(up, down), whole) / missing).toBeCloseTo(1, 3);
    const all = values.reduce((sum, v) => sum + v * v, 0);
    expect(kept).toBeCloseTo(1 - missing ** 2 / all, 4);
  });

  it('takes a rank beyond the matrix, and nothing', () => {
    const small = random(3, 3, 7);
    expect(distance(product(factored(small, 16).up, factored(small, 16).down), small)).toBeLessThan(1e-4);
    const none = factored({ shape: [4, 4], data: new Float32Array(16) }, 2);
    expect([...product(none.up, none.down).data]).toEqual(new Array(16).fill(0));
  });
});
