/** unit: multiplications by hand. */

import { expect, it } from 'vitest';
import * as g from '#graph/build';
import { grad } from '#graph/gradient';
import { closeGraph } from '#graph/value';
import { multiplications } from './multiplications.ts';

it('counts products and convolutions, forwards and backwards', () => {
  const x = g.input('x', 'f32', [2, 3, 8, 8]);
  const weight = g.parameter('weight', [4, 3, 3, 3]);
  const y = g.conv2d(x, weight, undefined, { stride: 2, padding: 1 });
  const forward = 2 * 4 * 4 * 4 * 3 * 9;
  expect(multiplications(closeGraph('conv', { y }))).toBe(forward);
  const [dx, dw] = grad(g.sum(g.tanh(y)), [x, weight]);
  expect(multiplications(closeGraph('backward', { dx: dx!, dw: dw! }))).toBe(3 * forward);
  const a = g.linear(g.input('a', 'f32', [5, 7]), g.parameter('w', [11, 7]));
  expect(multiplications(closeGraph('linear', { a, b: g.matmul(a, g.parameter('m', [11, 2])) }))).toBe(5 * 77 + 5 * 22);
});
