/**
 * Gradient of a convolution with respect to its weight: im2col and a matrix product.
 *
 * dW[k, c, i, j] = sum over n, y, x of g[n, k, y, x] * xp[n, c, y*stride + i*dilation, x*stride + j*dilation], with xp
 * the padded input. Every tap (i, j) is one strided slice of xp.
 */

import { addDims, type Dim, mulDims } from '#graph/dim';
import type { Value } from '#graph/value';
import type { ModelBuilder } from '../builder.ts';

export function lowerConvWeightGrad(b: ModelBuilder, v: Value<'conv2dWeightGrad'>, inputs: readonly string[]): string {
  const { kernel, groups } = v.attrs;
  const [x, g] = v.inputs as [Value, Value];
  const [n, c] = [x.shape[0]!, x.shape[1] as number];
  const [, k, oh, ow] = g.shape as [Dim, number, Dim, Dim];
  const taps = kernel[0] * kernel[1];
  const area = mulDims(oh, ow);
  const columns = b.node('Concat', tapSlices(b, v, inputs[0]!, oh, ow), { axis: 1 });
  // [n, taps * c, oh, ow] x [n, k, oh, ow] -> [taps * c, k], one product per picture and group, summed over pictures
  const perGroup = groups === 1 ? [taps * c] : [taps, groups, c / groups];
  const left = b.reshape(columns, [n, ...perGroup, area]);
  if (groups === 1) {
    const product = b.fused('FusedMatMul', [b.reshape(inputs[1]!, [n, k, area]), left], { transB: 1 });
    const summed = b.node('ReduceSum', [product, b.ints([0])], { keepdims: 0 });
    const split = b.reshape(summed, [k, kernel[0], kernel[1], c]);
    return b.node('Transpose', [split], { perm: [0, 3, 1, 2] });
  }
  const grouped = b.node('Transpose', [left], { perm: [0, 2, 1, 3, 4] });
  const columnsOf = b.reshape(grouped, [n, groups, (taps * c) / groups, area]);
  const gradient = b.reshape(inputs[1]!, [n, groups, k / groups, area]);
  const product = b.fused('FusedMatMul', [gradient, columnsOf], { transB: 1 });
  const summed = b.node('ReduceSum', [product, b.ints([0])], { keepdims: 0 });
  const split = b.reshape(summed, [k, kernel[0], kernel[1], c / groups]);
  return b.node('Transpose', [split], { perm: [0, 3, 1, 2] });
}

/** The part of the padded input that each kernel tap sees, row-major over taps; each [n, c, oh, ow]. */
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
