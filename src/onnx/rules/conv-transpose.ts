/**
 * Transposed convolution, which is also the gradient of a convolution with respect to its input.
 *
 * Stride 1 is a convolution with the kernel flipped and its channel axes swapped; the runtime's own transposed
 * convolution serves the rest.
 */

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
  if (stride[0] === 1 && stride[1] === 1 && groups === 1 && pads.every((p) => p >= 0)) {
    const swapped = b.node('Transpose', [inputs[1]!], { perm: [1, 0, 2, 3] });
    const weight = kernel.every((k) => k === 1) ? swapped : b.flip(swapped, [2, 3]);
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
