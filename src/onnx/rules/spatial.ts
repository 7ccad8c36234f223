/** Pooling and resizing. */

import { type Dim, mulDims, productOf, sameShape } from '#graph/dim';
import type { Pair, PoolAttrs } from '#graph/ops';
import type { Value } from '#graph/value';
import type { Attributes, ModelBuilder } from '../builder.ts';
import type { LoweringTable } from '../rule.ts';

export type SpatialOp =
  | 'avgPool2d'
  | 'maxPool2d'
  | 'avgPool2dGrad'
  | 'maxPool2dGrad'
  | 'resizeNearest'
  | 'resizeBilinear';

const window = ({ kernel, stride, padding }: PoolAttrs): Attributes => ({
  kernel_shape: kernel,
  strides: stride,
  pads: padding,
});

export const spatialRules: LoweringTable<SpatialOp> = {
  avgPool2d: (b, { attrs }, [x]) => b.node('AveragePool', [x!], { ...window(attrs), count_include_pad: 1 }),
  maxPool2d: (b, { attrs }, [x]) => b.node('MaxPool', [x!], window(attrs)),
  avgPool2dGrad: lowerAvgPoolGrad,
  maxPool2dGrad: lowerMaxPoolGrad,
  resizeNearest: (b, { attrs }, [x]) => upsample(b, x!, attrs.scale),
  resizeBilinear: (b, v, [x]) =>
    b.node('Resize', [x!, '', '', b.sizes(v.shape)], {
      mode: 'linear',
      coordinate_transformation_mode: v.attrs.alignCorners ? 'align_corners' : 'half_pixel',
    }),
};

/** Each gradient spread evenly over its window: copied where windows tile the input, otherwise added up. */
function lowerAvgPoolGrad(b: ModelBuilder, v: Value<'avgPool2dGrad'>, [g]: readonly string[]): string {
  const { kernel, stride, padding } = v.attrs;
  const [n, c, oh, ow] = v.inputs[0]!.shape as [Dim, Dim, Dim, Dim];
  const share = 1 / (kernel[0] * kernel[1]);
  const tiled = [n, c, mulDims(oh, kernel[0]), mulDims(ow, kernel[1])];
  if (
    kernel[0] === stride[0] &&
    kernel[1] === stride[1] &&
    sameShape(tiled, v.shape) &&
    padding.every((p) => p === 0)
  ) {
    return upsample(b, b.node('Mul', [g!, b.filled(v.dtype, share)]), kernel);
  }
  const planes = b.reshape(g!, [mulDims(n, c), 1, oh, ow]);
  const weight = b.filled(v.dtype, share, [1, 1, kernel[0], kernel[1]]);
  const spread = b.node('ConvTranspose', [planes, weight], { strides: stride });
  return b.reshape(cropOrPad(b, v, spread, padding), v.shape);
}

function upsample(b: ModelBuilder, x: string, scale: Pair): string {
  return b.node('Resize', [x, '', b.floats([1, 1, scale[0], scale[1]])], {
    mode: 'nearest',
    coordinate_transformation_mode: 'asymmetric',
    nearest_mode: 'floor',
  });
}

/** Cuts the padding off the front and fits the end to the size (windows may not reach the last rows). */
function cropOrPad(b: ModelBuilder, v: Value<'avgPool2dGrad'>, x: string, padding: PoolAttrs['padding']): string {
  const { kernel, stride } = v.attrs;
  const tail = b.node('Pad', [x, b.ints([0, 0, 0, 0, 0, 0, stride[0] + kernel[0], stride[1] + kernel[1]])]);
  const starts = b.ints([padding[0], padding[1]]);
  const ends = b.node('Add', [starts, b.sizes([v.shape[2]!, v.shape[3]!])]);
  return b.node('Slice', [tail, starts, ends, b.ints([2, 3])]);
}

/** The runtime's pooling names the position of each maximum; gradients are added there. */
function lowerMaxPoolGrad(b: ModelBuilder, v: Value<'maxPool2dGrad'>, [x, g]: readonly string[]): string {
  const [pooled, positions] = b.nodeOutputs('MaxPool', [x!], 2, window(v.attrs));
  // The WebGPU provider claims this node, then refuses its second output.
  b.keepOnHost(pooled!);
  const [total, count] = [productOf(v.shape), productOf(v.inputs[1]!.shape)];
  const flat = b.node(
    'ScatterElements',
    [b.zeros(v.dtype, [total]), b.reshape(positions!, [count]), b.reshape(g!, [count])],
    { axis: 0, reduction: 'add' },
  );
  return b.reshape(flat, v.shape);
}
