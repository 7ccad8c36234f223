/** Pooling and resizing of [n, c, h, w], plane by plane. */

import { type Shape, sizeOf } from '#core/tensor';
import { linearTap } from '../interpolation.ts';
import type { OpAttrs, PoolAttrs } from '../ops.ts';
import type { Dense, InterpretRules } from './dense.ts';

type SpatialOp = Extract<
  keyof OpAttrs,
  'avgPool2d' | 'maxPool2d' | 'avgPool2dGrad' | 'maxPool2dGrad' | 'resizeNearest' | 'resizeBilinear'
>;

/** Visits every window of a pooling from `from` to `to`: flat output index and flat input indices that it covers. */
function windows(
  { kernel, stride, padding }: PoolAttrs,
  from: Shape,
  to: Shape,
  visit: (output: number, inputs: readonly number[]) => void,
): void {
  const [n, c, h, w] = from as [number, number, number, number];
  const [, , oh, ow] = to as [number, number, number, number];
  for (let output = 0; output < n * c * oh * ow; output++) {
    const plane = Math.floor(output / (oh * ow)) * h * w;
    const top = (Math.floor(output / ow) % oh) * stride[0] - padding[0];
    const left = (output % ow) * stride[1] - padding[1];
    const inputs: number[] = [];
    for (let y = Math.max(top, 0); y < Math.min(top + kernel[0], h); y++) {
      for (let x = Math.max(left, 0); x < Math.min(left + kernel[1], w); x++) inputs.push(plane + y * w + x);
    }
    visit(output, inputs);
  }
}

/** The first of `inputs` that holds the maximum. */
function firstMaximum(data: Float64Array, inputs: readonly number[]): number {
  return inputs.reduce((best, i) => (data[i]! > data[best]! ? i : best), inputs[0]!);
}

/** Resamples every plane: `at(y, x, read)` is the value of an output pixel. */
function resample(
  x: Dense,
  shape: Shape,
  at: (y: number, x: number, read: (y: number, x: number) => number) => number,
): Float64Array {
  const [h, w] = x.shape.slice(2) as [number, number];
  const [oh, ow] = shape.slice(2) as [number, number];
  return new Float64Array(sizeOf(shape)).map((_, i) => {
    const plane = Math.floor(i / (oh * ow)) * h * w;
    return at(Math.floor(i / ow) % oh, i % ow, (row, column) => x.data[plane + row * w + column]!);
  });
}

export const spatialRules: InterpretRules<SpatialOp> = {
  avgPool2d: (v, [x], { shape }) => {
    const out = new Float64Array(sizeOf(shape));
    const area = v.attrs.kernel[0] * v.attrs.kernel[1];
    windows(v.attrs, x!.shape, shape, (o, inputs) => {
      out[o] = inputs.reduce((sum, i) => sum + x!.data[i]!, 0) / area;
    });
    return out;
  },
  maxPool2d: (v, [x], { shape }) => {
    const out = new Float64Array(sizeOf(shape));
    windows(v.attrs, x!.shape, shape, (o, inputs) => {
      out[o] = x!.data[firstMaximum(x!.data, inputs)]!;
    });
    return out;
  },
  avgPool2dGrad: (v, [g], { shape }) => {
    const out = new Float64Array(sizeOf(shape));
    const area = v.attrs.kernel[0] * v.attrs.kernel[1];
    windows(v.attrs, shape, g!.shape, (o, inputs) => {
      for (const i of inputs) out[i]! += g!.data[o]! / area;
    });
    return out;
  },
  maxPool2dGrad: (v, [x, g], { shape }) => {
    const out = new Float64Array(sizeOf(shape));
    windows(v.attrs, shape, g!.shape, (o, inputs) => {
      out[firstMaximum(x!.data, inputs)]! += g!.data[o]!;
    });
    return out;
  },
  resizeNearest: (v, [x], { shape }) => {
    const { scale } = v.attrs;
    return resample(x!, shape, (y, column, read) => read(Math.floor(y / scale[0]), Math.floor(column / scale[1])));
  },
  resizeBilinear: (v, [x], { shape }) => {
    const { alignCorners } = v.attrs;
    const [h, w] = x!.shape.slice(2) as [number, number];
    const [oh, ow] = shape.slice(2) as [number, number];
    return resample(x!, shape, (y, column, read) => {
      const r = linearTap(y, h, oh, alignCorners);
      const c = linearTap(column, w, ow, alignCorners);
      const row = (at: number): number => read(at, c.low) * (1 - c.weight) + read(at, c.high) * c.weight;
      return row(r.low) * (1 - r.weight) + row(r.high) * r.weight;
    });
  },
};
