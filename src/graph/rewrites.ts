/**
 * Local algebra for `simplify`. Each rule gives an equal value that is cheaper, or undefined. Equal means equal for
 * every operand including NaN and infinities (so x*0 and x-x stay), and up to the last bit of rounding where two
 * constant factors are joined.
 */

import { type DType, isFloat } from '#core/dtype';
import * as b from './build.ts';
import { addDims, type Dim, sameDim, sameShape } from './dim.ts';
import type { BinaryOp, CompareOp, LogicalOp, Op } from './ops.ts';
import { broadcastShapes } from './shapes.ts';
import { make, scalarOf, type Value } from './value.ts';

export type Rewrite<O extends Op> = (v: Value<O>) => Value | undefined;

/** The number that a value holds everywhere, looking through expansions. */
function uniform(v: Value): number | undefined {
  return v.op === 'expand' ? uniform(v.inputs[0]!) : scalarOf(v);
}

/** `x`, if it has the shape of the result it replaces. */
function sameAs(v: Value, x: Value): Value | undefined {
  return sameShape(x.shape, v.shape) ? x : undefined;
}

type BroadcastOp = BinaryOp | CompareOp | LogicalOp | 'where';

/** The smaller value that `x` repeats or wraps in axes of size one, if any. */
function narrower(x: Value): Value | undefined {
  if (x.op === 'expand') return x.inputs[0]!;
  if (x.op === 'reshape' && x.inputs[0]!.shape.length === 0) return x.inputs[0]!;
  if (x.op !== 'constant' || x.shape.length === 0 || x.shape.some((d) => d !== 1)) return undefined;
  return b.constant({ ...x.attrs.tensor, shape: [] });
}

/** Operands broadcast by themselves, so they need not be widened first unless nothing else gives the result its shape. */
function dropExpand(v: Value<BroadcastOp>): Value | undefined {
  for (const [i, x] of v.inputs.entries()) {
    const narrow = narrower(x);
    if (!narrow) continue;
    const inputs = v.inputs.map((y, j) => (j === i ? narrow : y));
    const shape = broadcastShapes(v.op, ...inputs.map((y) => y.shape));
    if (sameShape(shape, v.shape)) return make(v.op, inputs, v.attrs);
  }
  return undefined;
}

/** Two pieces that zeros widen to one axis, next to each other: what slices of one value leave as their gradients. */
function joinPads(x: Value, y: Value): Value | undefined {
  if (x.op !== 'pad' || y.op !== 'pad' || !isZeroPad(x) || !isZeroPad(y)) return undefined;
  const axis = x.attrs.after.findIndex((n) => n > 0);
  const [first, second] = [x.inputs[0]!, y.inputs[0]!];
  const alone = (at: number, n: Dim): Dim[] => x.shape.map((_, i) => (i === axis ? n : at));
  const adjoins =
    axis >= 0 &&
    sameShape(x.attrs.before, alone(0, 0)) &&
    sameShape(y.attrs.after, alone(0, 0)) &&
    sameShape(x.attrs.after, alone(0, second.shape[axis]!)) &&
    sameShape(y.attrs.before, alone(0, first.shape[axis]!));
  return adjoins ? b.concat([first, second], axis) : undefined;
}

const isZeroPad = (v: Value<'pad'>): boolean => v.attrs.mode === 'constant' && v.attrs.value === 0;

function add(v: Value<'add'>): Value | undefined {
  const [x, y] = v.inputs as [Value, Value];
  if (uniform(y) === 0) return sameAs(v, x);
  if (uniform(x) === 0) return sameAs(v, y);
  if (y.op === 'neg') return b.sub(x, y.inputs[0]!);
  if (x.op === 'neg') return b.sub(y, x.inputs[0]!);
  if (x === y) return b.mul(x, 2);
  const joined = joinPads(x, y) ?? joinPads(y, x);
  if (joined) return joined;
  return dropExpand(v);
}

function sub(v: Value<'sub'>): Value | undefined {
  const [x, y] = v.inputs as [Value, Value];
  if (uniform(y) === 0) return sameAs(v, x);
  if (y.op === 'neg') return b.add(x, y.inputs[0]!);
  return dropExpand(v);
}

/** x * c1 * c2 with both constants scalar, unless their product leaves the range of normal numbers. */
function joinFactors(x: Value, c: number): Value | undefined {
  if (x.op !== 'mul' || !isFloat(x.dtype)) return undefined;
  const [p, q] = x.inputs as [Value, Value];
  const inner = scalarOf(q) ?? scalarOf(p);
  if (inner === undefined) return undefined;
  const size = Math.abs(inner * c);
  const [least, most] = x.dtype === 'f16' ? [2 ** -14, 65504] : [1e-30, 1e30];
  return size >= least && size <= most ? b.mul(scalarOf(q) === undefined ? q : p, inner * c) : undefined;
}

function mul(v: Value<'mul'>): Value | undefined {
  const [x, y] = v.inputs as [Value, Value];
  for (const [other, factor] of [
    [x, y],
    [y, x],
  ] as const) {
    const c = uniform(factor);
    if (c === 1) return sameAs(v, other) ?? dropExpand(v);
    if (c === -1 && sameShape(other.shape, v.shape)) return b.neg(other);
    const joined = scalarOf(factor) === undefined ? undefined : joinFactors(other, c!);
    if (joined) return joined;
  }
  if (x.op === 'neg' && y.op === 'neg') return b.mul(x.inputs[0]!, y.inputs[0]!);
  return dropExpand(v);
}

function div(v: Value<'div'>): Value | undefined {
  const [x, y] = v.inputs as [Value, Value];
  return uniform(y) === 1 ? sameAs(v, x) : dropExpand(v);
}

function pow(v: Value<'pow'>): Value | undefined {
  const [x, y] = v.inputs as [Value, Value];
  if (uniform(y) === 1) return sameAs(v, x);
  return uniform(y) === 2 && sameShape(x.shape, v.shape) ? b.mul(x, x) : dropExpand(v);
}

function where(v: Value<'where'>): Value | undefined {
  const [, x, y] = v.inputs as [Value, Value, Value];
  return (x === y ? sameAs(v, x) : undefined) ?? dropExpand(v);
}

const mantissa: Partial<Record<DType, number>> = { f64: 53, f32: 24, f16: 11, bf16: 8 };

/** Whether every number of `from` exists in `to`. */
function widens(from: DType, to: DType): boolean {
  if (from === 'bool') return true;
  const [narrow, wide] = [mantissa[from], mantissa[to]];
  if (narrow === undefined || wide === undefined || narrow > wide) return false;
  return to === 'f32' || to === 'f64' || from === to;
}

function cast(v: Value<'cast'>): Value | undefined {
  const [x] = v.inputs as [Value];
  if (x.dtype === v.dtype) return x;
  if (x.op !== 'cast') return undefined;
  const [origin] = x.inputs as [Value];
  return widens(origin.dtype, x.dtype) ? b.cast(origin, v.dtype) : undefined;
}

function transpose(v: Value<'transpose'>): Value | undefined {
  const [x] = v.inputs as [Value];
  const { perm } = v.attrs;
  if (perm.every((p, i) => p === i)) return x;
  if (x.op !== 'transpose') return undefined;
  return b.transpose(
    x.inputs[0]!,
    perm.map((p) => x.attrs.perm[p]!),
  );
}

function reshape(v: Value<'reshape'>): Value | undefined {
  const [x] = v.inputs as [Value];
  if (sameShape(x.shape, v.shape)) return x;
  return x.op === 'reshape' ? b.reshape(x.inputs[0]!, v.shape) : undefined;
}

function expand(v: Value<'expand'>): Value | undefined {
  const [x] = v.inputs as [Value];
  if (sameShape(x.shape, v.shape)) return x;
  return x.op === 'expand' ? b.expand(x.inputs[0]!, v.shape) : undefined;
}

function slice(v: Value<'slice'>): Value | undefined {
  const [x] = v.inputs as [Value];
  if (sameShape(x.shape, v.shape) && v.attrs.starts.every((s) => s === 0)) return x;
  if (x.op !== 'slice' || [...v.attrs.steps, ...x.attrs.steps].some((s) => s !== 1)) return undefined;
  return make('slice', x.inputs, {
    starts: v.attrs.starts.map((s, i) => addDims(s, x.attrs.starts[i]!)),
    ends: v.attrs.ends.map((e, i) => addDims(e, x.attrs.starts[i]!)),
    steps: v.attrs.steps,
  });
}

function pad(v: Value<'pad'>): Value | undefined {
  return [...v.attrs.before, ...v.attrs.after].every((n) => n === 0) ? v.inputs[0]! : undefined;
}

/** Reducing axes of one entry only drops them. */
function reduction(v: Value<'sum'> | Value<'mean'> | Value<'max'> | Value<'min'>): Value | undefined {
  const [x] = v.inputs as [Value];
  return v.attrs.axes.every((a) => sameDim(x.shape[a]!, 1)) ? b.reshape(x, v.shape) : undefined;
}

export const rewriteRules: { readonly [O in Op]?: Rewrite<O> } = {
  neg: (v) => (v.inputs[0]!.op === 'neg' ? v.inputs[0].inputs[0]! : undefined),
  logicalNot: (v) => (v.inputs[0]!.op === 'logicalNot' ? v.inputs[0].inputs[0]! : undefined),
  add,
  sub,
  mul,
  div,
  pow,
  maximum: dropExpand,
  minimum: dropExpand,
  equal: dropExpand,
  greater: dropExpand,
  less: dropExpand,
  greaterEqual: dropExpand,
  lessEqual: dropExpand,
  logicalAnd: dropExpand,
  logicalOr: dropExpand,
  where,
  cast,
  transpose,
  reshape,
  expand,
  slice,
  pad,
  sum: reduction,
  mean: reduction,
  max: reduction,
  min: reduction,
};
