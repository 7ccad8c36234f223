/** Gradients of operations that only move elements: each is the transposed movement, sums where entries were repeated. */

import * as b from '../build.ts';
import { addDims, type Dim, mulDims, subDims } from '../dim.ts';
import type { OpAttrs } from '../ops.ts';
import { make, type Value } from '../value.ts';
import { cutAxis, type GradientRules, placeAxis } from './rule.ts';

type MovementOp = Extract<
  keyof OpAttrs,
  | 'reshape'
  | 'transpose'
  | 'expand'
  | 'slice'
  | 'flip'
  | 'concat'
  | 'pad'
  | 'gather'
  | 'gatherGrad'
  | 'gatherElements'
  | 'gatherElementsGrad'
  | 'after'
>;

/** Undoes a slice of one axis: entries go back to start, start + step, ...; the rest is zero. */
function unslice(g: Value, axis: number, start: Dim, step: number, size: Dim): Value {
  if (step === 1) return placeAxis(g, axis, start, size);
  const length = g.shape[axis]!;
  const apart = [...g.shape.slice(0, axis + 1), 1, ...g.shape.slice(axis + 1)];
  const spread = placeAxis(b.reshape(g, apart), axis + 1, 0, step);
  const flat = b.reshape(spread, [...g.shape.slice(0, axis), mulDims(length, step), ...g.shape.slice(axis + 1)]);
  // The zeros after the last entry may reach beyond the axis.
  const used = addDims(mulDims(subDims(length, 1), step), 1);
  return placeAxis(cutAxis(flat, axis, 0, used), axis, start, size);
}

/** Gradient of padding one axis by repetition of entries that are inside. */
function unpadAxis(g: Value, axis: number, size: Dim, attrs: OpAttrs['pad']): Value {
  const before = attrs.before[axis]!;
  const after = attrs.after[axis]!;
  const end = addDims(size, before);
  let out = cutAxis(g, axis, before, end);
  if (attrs.mode === 'constant') return out;
  const reflect = attrs.mode === 'reflect';
  const part = (from: Dim, to: Dim): Value => {
    const cut = cutAxis(g, axis, from, to);
    return reflect ? b.flip(cut, [axis]) : cut;
  };
  const fold = (piece: Value, at: Dim): void => {
    out = b.add(out, placeAxis(piece, axis, at, size));
  };
  if (before > 0) fold(part(0, before), reflect ? 1 : subDims(size, before));
  if (after > 0) fold(part(end, addDims(end, after)), reflect ? subDims(size, after + 1) : 0);
  return out;
}

export const movementGradients: GradientRules<MovementOp> = {
  reshape: (v, g) => [() => b.reshape(g, v.inputs[0]!.shape)],
  transpose: (v, g) => [
    () =>
      b.transpose(
        g,
        v.attrs.perm.map((_, i) => v.attrs.perm.indexOf(i)),
      ),
  ],
  expand: (_, g) => [() => g],
  slice: (v, g) => {
    const { starts, steps } = v.attrs;
    return [() => v.inputs[0]!.shape.reduce<Value>((out, size, i) => unslice(out, i, starts[i]!, steps[i]!, size), g)];
  },
  flip: (v, g) => [() => b.flip(g, v.attrs.axes)],
  concat: (v, g) => {
    const { axis } = v.attrs;
    let start: Dim = 0;
    return v.inputs.map((x) => {
      const from = start;
      const to = addDims(from, x.shape[axis]!);
      start = to;
      return () => cutAxis(g, axis, from, to);
    });
  },
  pad: (v, g) => [() => v.inputs[0]!.shape.reduce<Value>((out, size, axis) => unpadAxis(out, axis, size, v.attrs), g)],
  gather: (v, g) => {
    const [data, indices] = v.inputs as [Value, Value];
    const { axis } = v.attrs;
    return [() => make('gatherGrad', [indices, g], { axis, size: data.shape[axis]! })];
  },
  gatherGrad: (v, g) => [undefined, () => b.gather(g, v.inputs[0]!, v.attrs.axis)],
  gatherElements: (v, g) => {
    const [data, indices] = v.inputs as [Value, Value];
    return [() => make('gatherElementsGrad', [indices, g], { axis: v.attrs.axis, shape: data.shape })];
  },
  gatherElementsGrad: (v, g) => [undefined, () => b.gatherElements(g, v.inputs[0]!, v.attrs.axis)],
  after: (_, g) => [() => g],
};
