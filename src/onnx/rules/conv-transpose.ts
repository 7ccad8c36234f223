/**
 * Transposed convolution, which is also the gradient of a convolution with respect to its input.
 *
 * Stride 1 is a convolution with the kernel flipped and its channel axes swapped; the runtime's own transposed
 * convolution serves the rest.
 */

import { f32 } from '#core/tensor';
import type { Value } from '#graph/value';
import type { ModelBuilder } from '../builder.ts';

export function lowerConvTranspose(b: ModelBuilder, v: Value<'convTranspose2d'>, inputs: readonly string[]): string {
  const { stride, padding, dilation, groups, outputPadding } = v.attrs;
  const kernel = v.inputs[1]!.shape.slice(2) as number[];
  const reach = kernel.map((k, i) => dilation[i]! * (k - 1));
  const [top, left, bottom, right] = padding;
  const pads = [
    reach[0]! - top,
    reach[1]! - left,
    reach[0]! - bottom + outputPadding[0],
    reach[1]! - right + outputPadding[1],
  ];
  if (v.dtype === 'f32' && stride[0] === 1 && stride[1] === 1 && groups === 1 && pads.every((p) => p >= 0)) {
    const weight = flipKernel(b, inputs[1]!, v.inputs[1]!.shape as number[]);
    return b.node('Conv', [inputs[0]!, weight, ...inputs.slice(2)], { pads, dilations: dilation });
  }
  return b.node('ConvTranspose', inputs, {
    strides: stride,
    pads: padding,
    dilations: dilation,
    group: groups,
    output_padding: outputPadding,
  });
}

/** [in, out, kh, kw] -> [out, in, kh, kw] with both kernel axes reversed. */
function flipKernel(b: ModelBuilder, weight: string, [inputs, outputs, kh, kw]: readonly number[]): string {
  const taps = kh! * kw!;
  const swapped = b.node('Transpose', [weight], { perm: [1, 0, 2, 3] });
  if (taps === 1) return swapped;
  if (taps > MOST_PERMUTED_TAPS) return b.flip(swapped, [2, 3]);
  // A product with the reversing permutation beats a slice with negative steps, which walks element by element.
  const reversal = f32(
    [taps, taps],
    Array.from({ length: taps * taps }, (_, i) => reversed(i, taps)),
  );
  const rows = b.reshape(swapped, [outputs! * inputs!, taps]);
  return b.reshape(b.node('MatMul', [rows, b.constant(reversal)]), [outputs!, inputs!, kh!, kw!]);
}

const MOST_PERMUTED_TAPS = 25;
const reversed = (i: number, taps: number): number => (Math.floor(i / taps) + (i % taps) === taps - 1 ? 1 : 0);
