/** What a gradient rule is, and the few forms that several rules share. */

import { concat, pad, sum } from '../build.ts';
import { filled } from '../compose.ts';
import { addDims, type Dim, sameDim, sameShape, subDims } from '../dim.ts';
import type { Op } from '../ops.ts';
import { GraphError } from '../shapes.ts';
import { make, type Value } from '../value.ts';

/** Gradient with respect to one operand, built only when asked for; undefined where no gradient flows. */
export type OperandGradient = (() => Value) | undefined;

/**
 * One entry per operand, given a value and the gradient of the loss with respect to it. A gradient may have the
 * broadcast shape of the operand: the walker sums it down.
 */
export type GradientRule<O extends Op> = (v: Value<O>, g: Value) => readonly OperandGradient[];

export type GradientRules<O extends Op = Op> = { readonly [P in O]: GradientRule<P> };

/** Sums the broadcast axes of `g` away, so that it has `shape`. */
export function sumTo(g: Value, shape: readonly Dim[]): Value {
  if (sameShape(g.shape, shape)) return g;
  const extra = g.shape.length - shape.length;
  const leading = extra > 0 ? sum(g, range(0, extra), false) : g;
  const axes = shape.flatMap((d, i) => (d === 1 && leading.shape[i] !== 1 ? [i] : []));
  const out = axes.length > 0 ? sum(leading, axes, true) : leading;
  if (!sameShape(out.shape, shape)) {
    throw new GraphError('gradient', `a gradient of shape [${g.shape}] does not sum to its operand's [${shape}]`);
  }
  return out;
}

/** Zeros around `g` along one axis, so that it starts at `offset` of an axis of `size` entries. */
export function placeAxis(g: Value, axis: number, offset: Dim, size: Dim): Value {
  const rest = subDims(size, addDims(offset, g.shape[axis]!));
  if (offset === 0 && rest === 0) return g;
  if (typeof offset === 'number' && typeof rest === 'number') {
    const at = (n: number) => g.shape.map((_, i) => (i === axis ? n : 0));
    return pad(g, at(offset), at(rest));
  }
  const zeros = (length: Dim): Value[] =>
    length === 0
      ? []
      : [
          filled(
            0,
            g.dtype,
            g.shape.map((d, i) => (i === axis ? length : d)),
          ),
        ];
  return concat([...zeros(offset), g, ...zeros(rest)], axis);
}

/** Entries [start, end) of one axis, where the bounds may be symbolic. */
export function cutAxis(x: Value, axis: number, start: Dim, end: Dim): Value {
  if (start === 0 && sameDim(end, x.shape[axis]!)) return x;
  return make('slice', [x], {
    starts: x.shape.map((_, i) => (i === axis ? start : 0)),
    ends: x.shape.map((d, i) => (i === axis ? end : d)),
    steps: x.shape.map(() => 1),
  });
}

export function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i);
}

/** Swaps the last two axes. */
export function matrixTranspose(x: Value): Value {
  const n = x.shape.length;
  return make('transpose', [x], { perm: [...range(0, n - 2), n - 1, n - 2] });
}

/** For operations through which nothing can be differentiated. */
export const noGradient = (): readonly OperandGradient[] => [];

export function refuseSecondOrder(op: Op): never {
  throw new GraphError(op, 'is itself a gradient and has no gradient here; differentiate the loss once only');
}
