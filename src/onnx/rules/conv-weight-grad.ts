/**
 * Gradient of a convolution with respect to its weight: for every kernel tap one strided slice of the padded input and
 * one matrix product that contracts pictures and pixels at once. Where there are no more positions than channels, the
 * weights outweigh the slices: then the slices are stacked (im2col) so that one product gives the weight's own layout.
 *
 * dW[k, c, i, j] = sum over n, y, x of g[n, k, y, x] * xp[n, c, y*stride + i*dilation, x*stride + j*dilation], with xp
 * the padded input.
 */

import type { DType } from '#core/dtype';
import { f32 } from '#core/tensor';
import { addDims, type Dim, mulDims, productOf } from '#graph/dim';
import type { Value } from '#graph/value';
import type { ModelBuilder } from '../builder.ts';

export function lowerConvWeightGrad(b: ModelBuilder, v: Value<'conv2dWeightGrad'>, inputs: readonly string[]): string {
  const { kernel, groups } = v.attrs;
  const [n, c] = v.inputs[0]!.shape as [Dim, number, Dim, Dim];
  const [, k, oh, ow] = v.inputs[1]!.shape as [Dim, number, Dim, Dim];
  const positions = b.bind(productOf([n, oh, ow]));
  const rows = (channels: number): Dim[] =>
    groups === 1 ? [channels, positions] : [groups, channels / groups, positions];
  // Channels first, so that one contraction covers all pictures.
  const [x, g] = inputs.map((name) => b.node('Transpose', [name], { perm: [1, 0, 2, 3] })) as [string, string];
  const gradient = b.reshape(g, rows(k));
  const taps = tapSlices(b, v, x, oh, ow);
  const shape = [k, c / groups, kernel[0], kernel[1]];
  if (groups === 1 && typeof positions === 'number' && positions <= k) {
    const stacked = b.node(
      'Concat',
      taps.map((t) => b.reshape(t, [c, 1, positions])),
      { axis: 1 },
    );
    const columns = b.reshape(stacked, [c * taps.length, positions]);
    return b.reshape(b.node('Gemm', [gradient, columns], { transB: 1 }), shape);
  }
  const products = taps.map((tap) => {
    const columns = b.reshape(tap, rows(c));
    if (groups === 1) return b.node('Gemm', [gradient, columns], { transB: 1 });
    return b.node('MatMul', [gradient, b.node('Transpose', [columns], { perm: [0, 2, 1] })]);
  });
  const stacked = b.reshape(b.node('Concat', products, { axis: 0 }), [taps.length, k * (c / groups)]);
  return b.reshape(tapsLast(b, stacked, taps.length, v.dtype), shape);
}

/**
 * [taps, rest] -> [rest, taps]. A product with the identity, which is exact, beats the runtime's transposition, which
 * walks element by element: the whole weight gradient costs 1.04 to 1.14 times as much with that one.
 */
function tapsLast(b: ModelBuilder, stacked: string, taps: number, dtype: DType): string {
  if (b.target !== 'cpu' || dtype !== 'f32' || taps > MOST_MULTIPLIED_TAPS) {
    return b.node('Transpose', [stacked], { perm: [1, 0] });
  }
  const identity = f32(
    [taps, taps],
    Array.from({ length: taps * taps }, (_, i) => (i % (taps + 1) === 0 ? 1 : 0)),
  );
  return b.node('Gemm', [stacked, b.constant(identity)], { transA: 1 });
}

const MOST_MULTIPLIED_TAPS = 25;

/** The part of the padded input that each kernel tap sees, row-major over taps; x is [c, n, h, w]. */
function tapSlices(b: ModelBuilder, v: Value<'conv2dWeightGrad'>, x: string, oh: Dim, ow: Dim): string[] {
  const { kernel, stride, padding, dilation } = v.attrs;
  const [top, left, bottom, right] = padding;
  const padded = padding.some((p) => p > 0)
    ? b.node('Pad', [x, b.ints([0, 0, top, left, 0, 0, bottom, right])], { mode: 'constant' })
    : x;
  const axes = b.ints([2, 3]);
  const steps = b.ints(stride);
  const end = (offset: number, size: Dim, step: number): Dim => addDims(mulDims(addDims(size, -1), step), offset + 1);
  const slices: string[] = [];
  for (let i = 0; i < kernel[0]; i++) {
    for (let j = 0; j < kernel[1]; j++) {
      const [y0, x0] = [i * dilation[0], j * dilation[1]];
      const ends = b.sizes([end(y0, oh, stride[0]), end(x0, ow, stride[1])]);
      slices.push(b.node('Slice', [padded, b.ints([y0, x0]), ends, axes, steps]));
    }
  }
  return slices;
}
