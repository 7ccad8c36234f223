/** Gradients of pooling and resizing. Bilinear resizing is two matrix products with constant matrices. */

import * as b from '../build.ts';
import { type Dim, fixedShape } from '../dim.ts';
import { interpolationMatrix } from '../interpolation.ts';
import type { OpAttrs } from '../ops.ts';
import { GraphError } from '../shapes.ts';
import { make, type Value } from '../value.ts';
import { type GradientRules, matrixTranspose, refuseSecondOrder } from './rule.ts';

type SpatialOp = Extract<
  keyof OpAttrs,
  'avgPool2d' | 'maxPool2d' | 'avgPool2dGrad' | 'maxPool2dGrad' | 'resizeNearest' | 'resizeBilinear'
>;

export const spatialGradients: GradientRules<SpatialOp> = {
  avgPool2d: (v, g) => {
    const [, , h, w] = v.inputs[0]!.shape as [Dim, Dim, Dim, Dim];
    return [() => make('avgPool2dGrad', [g], { ...v.attrs, size: [h, w] })];
  },
  maxPool2d: (v, g) => [() => make('maxPool2dGrad', [v.inputs[0]!, g], v.attrs)],
  avgPool2dGrad: (v, g) => {
    const { size: _, ...attrs } = v.attrs;
    return [() => make('avgPool2d', [g], attrs)];
  },
  maxPool2dGrad: () => [undefined, () => refuseSecondOrder('maxPool2dGrad')],
  resizeNearest: (v, g) => {
    const [n, c, h, w] = v.inputs[0]!.shape as [Dim, Dim, Dim, Dim];
    const { scale } = v.attrs;
    if (!scale.every(Number.isInteger)) {
      throw new GraphError('resizeNearest', `has a gradient for whole scales only, got [${scale}]`);
    }
    return [() => b.sum(b.reshape(g, [n, c, h, scale[0], w, scale[1]]), [3, 5])];
  },
  resizeBilinear: (v, g) => {
    const [x] = v.inputs as [Value];
    const [h, w] = fixedShape(x.shape.slice(2), 'the gradient of resizeBilinear') as [number, number];
    const { size, alignCorners } = v.attrs;
    const matrix = (from: number, to: number): Value => interpolationMatrix(v.dtype, from, to, alignCorners);
    return [() => b.matmul(b.matmul(matrixTranspose(matrix(h, size[0])), g), matrix(w, size[1]))];
  },
};
