/**
 * The builder: one function an op, with defaults where the field has them. A number stands for a scalar constant of
 * its partner's dtype. Everything returned is a value; nothing is computed.
 */

import type { DType } from '#core/dtype';
import { type HostTensor, type Shape, sizeOf, tensor } from '#core/tensor';
import { addDims, type Dim, mulDims, sameShape } from './dim.ts';
import { fillHost } from './host.ts';
import type { BinaryOp, CompareOp, ConvAttrs, OpAttrs, Padding, Pair, PoolAttrs, UnaryOp } from './ops.ts';
import { axisOf } from './shapes.ts';
import { make, type Value } from './value.ts';

export type Operand = Value | number;

// Leaves

export function input(name: string, dtype: DType, shape: readonly Dim[]): Value<'input'> {
  return { op: 'input', inputs: [], attrs: { name }, dtype, shape };
}

export function parameter(name: string, shape: readonly Dim[], dtype: DType = 'f32'): Value<'parameter'> {
  return { op: 'parameter', inputs: [], attrs: { name }, dtype, shape };
}

export function constant(value: HostTensor): Value {
  return make('constant', [], { tensor: value });
}

/** A scalar or, with a shape, a tensor of one value. */
export function full(value: number, dtype: DType = 'f32', shape: Shape = []): Value {
  return constant(
    tensor(
      dtype,
      shape,
      fillHost(dtype, sizeOf(shape), () => value),
    ),
  );
}

function lift(a: Operand, partner: Operand): Value {
  return typeof a === 'number' ? full(a, typeof partner === 'number' ? 'f32' : partner.dtype) : a;
}

// Elementwise

const unary =
  (op: UnaryOp) =>
  (x: Value): Value =>
    make(op, [x], {});

export const neg = unary('neg');
export const abs = unary('abs');
export const sign = unary('sign');
export const exp = unary('exp');
export const log = unary('log');
export const sqrt = unary('sqrt');
export const rsqrt = unary('rsqrt');
export const reciprocal = unary('reciprocal');
export const sin = unary('sin');
export const cos = unary('cos');
export const tanh = unary('tanh');
export const sigmoid = unary('sigmoid');
export const erf = unary('erf');
export const floor = unary('floor');
export const relu = unary('relu');
export const silu = unary('silu');
export const gelu = unary('gelu');
export const geluTanh = unary('geluTanh');
export const quickGelu = unary('quickGelu');
export const softplus = unary('softplus');
export const logicalNot = unary('logicalNot');
export const stopGradient = unary('stopGradient');

export function leakyRelu(x: Value, slope = 0.01): Value {
  return make('leakyRelu', [x], { slope });
}

export function elu(x: Value, alpha = 1): Value {
  return make('elu', [x], { alpha });
}

export function clamp(x: Value, min: number, max: number): Value {
  return make('clamp', [x], { min, max });
}

export function cast(x: Value, to: DType): Value {
  return x.dtype === to ? x : make('cast', [x], { to });
}

const binary =
  (op: BinaryOp | CompareOp | 'logicalAnd' | 'logicalOr') =>
  (a: Operand, b: Operand): Value =>
    make(op, [lift(a, b), lift(b, a)], {});

export const add = binary('add');
export const sub = binary('sub');
export const mul = binary('mul');
export const div = binary('div');
export const pow = binary('pow');
export const maximum = binary('maximum');
export const minimum = binary('minimum');
export const equal = binary('equal');
export const greater = binary('greater');
export const less = binary('less');
export const greaterEqual = binary('greaterEqual');
export const lessEqual = binary('lessEqual');
export const logicalAnd = binary('logicalAnd');
export const logicalOr = binary('logicalOr');

export function where(condition: Value, a: Operand, b: Operand): Value {
  return make('where', [condition, lift(a, b), lift(b, a)], {});
}

// Contractions

export function matmul(a: Value, b: Value): Value {
  return make('matmul', [a, b], {});
}

/** x @ weight^T + bias, weight [out, in] */
export function linear(x: Value, weight: Value, bias?: Value): Value {
  return make('linear', bias ? [x, weight, bias] : [x, weight], {});
}

export interface ConvOptions {
  stride?: number | Pair;
  /** One number for all sides, or [top, left, bottom, right]. */
  padding?: number | Padding;
  dilation?: number | Pair;
  groups?: number;
}

const pair = (v: number | Pair): Pair => (typeof v === 'number' ? [v, v] : v);
const sides = (v: number | Padding): Padding => (typeof v === 'number' ? [v, v, v, v] : v);

function convAttrs({ stride = 1, padding = 0, dilation = 1, groups = 1 }: ConvOptions): ConvAttrs {
  return { stride: pair(stride), padding: sides(padding), dilation: pair(dilation), groups };
}

export function conv2d(x: Value, weight: Value, bias?: Value, options: ConvOptions = {}): Value {
  return make('conv2d', bias ? [x, weight, bias] : [x, weight], convAttrs(options));
}

export function convTranspose2d(
  x: Value,
  weight: Value,
  bias?: Value,
  options: ConvOptions & { outputPadding?: number | Pair } = {},
): Value {
  const attrs = { ...convAttrs(options), outputPadding: pair(options.outputPadding ?? 0) };
  return make('convTranspose2d', bias ? [x, weight, bias] : [x, weight], attrs);
}

export function conv2dWeightGrad(x: Value, outputGradient: Value, attrs: OpAttrs['conv2dWeightGrad']): Value {
  return make('conv2dWeightGrad', [x, outputGradient], attrs);
}

export interface AttentionOptions {
  heads: number;
  /** Defaults to 1/sqrt(head width). */
  scale?: number;
  causal?: boolean;
  /** Broadcastable to [batch, heads, queries, keys], added to the logits. */
  mask?: Value;
}

/** Multi-head attention on [batch, tokens, heads * width]. */
export function attention(
  q: Value,
  k: Value,
  v: Value,
  { heads, scale, causal = false, mask }: AttentionOptions,
): Value {
  const width = (q.shape[2] as number) / heads;
  const attrs = { heads, scale: scale ?? 1 / Math.sqrt(width), causal };
  return make('attention', mask ? [q, k, v, mask] : [q, k, v], attrs);
}

// Normalisation

export function groupNorm(x: Value, weight: Value, bias: Value, groups: number, eps = 1e-5): Value {
  return make('groupNorm', [x, weight, bias], { groups, eps });
}

export function layerNorm(x: Value, weight: Value, bias: Value, eps = 1e-5): Value {
  return make('layerNorm', [x, weight, bias], { eps });
}

export function rmsNorm(x: Value, weight: Value, eps = 1e-6): Value {
  return make('rmsNorm', [x, weight], { eps });
}

export function softmax(x: Value, axis = -1): Value {
  return make('softmax', [x], { axis: axisOf('softmax', axis, x.shape.length) });
}

export function logSoftmax(x: Value, axis = -1): Value {
  return make('logSoftmax', [x], { axis: axisOf('logSoftmax', axis, x.shape.length) });
}

// Spatial

export interface PoolOptions {
  kernel: number | Pair;
  stride?: number | Pair;
  padding?: number | Padding;
}

function poolAttrs({ kernel, stride, padding = 0 }: PoolOptions): PoolAttrs {
  return { kernel: pair(kernel), stride: pair(stride ?? kernel), padding: sides(padding) };
}

export function avgPool2d(x: Value, options: PoolOptions): Value {
  return make('avgPool2d', [x], poolAttrs(options));
}

export function maxPool2d(x: Value, options: PoolOptions): Value {
  return make('maxPool2d', [x], poolAttrs(options));
}

export function resizeNearest(x: Value, scale: number | Pair): Value {
  return make('resizeNearest', [x], { scale: pair(scale) });
}

export function resizeBilinear(x: Value, size: Pair, alignCorners = false): Value {
  return make('resizeBilinear', [x], { size, alignCorners });
}

// Movement

export function reshape(x: Value, shape: readonly Dim[]): Value {
  return sameShape(x.shape, shape) ? x : make('reshape', [x], { shape });
}

export function transpose(x: Value, perm: readonly number[]): Value {
  return perm.every((p, i) => p === i) ? x : make('transpose', [x], { perm });
}

export function expand(x: Value, shape: readonly Dim[]): Value {
  return sameShape(x.shape, shape) ? x : make('expand', [x], { shape });
}

/** Entries [start, end) of one axis; negative bounds count from the end of a fixed dimension. */
export function sliceAxis(x: Value, axis: number, start: number, end: number, step = 1): Value {
  const a = axisOf('slice', axis, x.shape.length);
  const size = x.shape[a]!;
  const resolve = (v: number): Dim => (v < 0 ? addDims(size, v) : typeof size === 'number' ? Math.min(v, size) : v);
  return make('slice', [x], {
    starts: x.shape.map((_, i) => (i === a ? resolve(start) : 0)),
    ends: x.shape.map((d, i) => (i === a ? resolve(end) : d)),
    steps: x.shape.map((_, i) => (i === a ? step : 1)),
  });
}

export function flip(x: Value, axes: readonly number[]): Value {
  return make('flip', [x], { axes: axes.map((a) => axisOf('flip', a, x.shape.length)) });
}

export function concat(values: readonly Value[], axis: number): Value {
  return values.length === 1
    ? values[0]!
    : make('concat', values, { axis: axisOf('concat', axis, values[0]!.shape.length) });
}

/** Equal parts of a fixed axis. */
export function split(x: Value, parts: number, axis: number): Value[] {
  const size = (x.shape[axisOf('split', axis, x.shape.length)] as number) / parts;
  return Array.from({ length: parts }, (_, i) => sliceAxis(x, axis, i * size, (i + 1) * size));
}

export function pad(
  x: Value,
  before: readonly number[],
  after: readonly number[],
  mode: OpAttrs['pad']['mode'] = 'constant',
  value = 0,
): Value {
  return make('pad', [x], { before, after, mode, value });
}

export function gather(data: Value, indices: Value, axis = 0): Value {
  return make('gather', [data, indices], { axis: axisOf('gather', axis, data.shape.length) });
}

export function gatherElements(data: Value, indices: Value, axis: number): Value {
  return make('gatherElements', [data, indices], { axis: axisOf('gatherElements', axis, data.shape.length) });
}

/** Zeros of `shape` with `updates` added along `axis` where `indices` say, both of one shape. */
export function scatterAdd(indices: Value, updates: Value, axis: number, shape: readonly Dim[]): Value {
  return make('gatherElementsGrad', [indices, updates], { axis: axisOf('scatterAdd', axis, shape.length), shape });
}

/** `x`, which nobody gets before `earlier` has been computed. */
export function after(x: Value, earlier: Value): Value {
  return make('after', [x, earlier], {});
}

// Reductions (all axes by default)

const reduction =
  (op: 'sum' | 'mean' | 'max' | 'min') =>
  (x: Value, axes?: readonly number[], keepDims = false): Value => {
    const all = axes ?? x.shape.map((_, i) => i);
    return make(op, [x], { axes: all.map((a) => axisOf(op, a, x.shape.length)).sort((a, b) => a - b), keepDims });
  };

export const sum = reduction('sum');
export const mean = reduction('mean');
export const max = reduction('max');
export const min = reduction('min');

export function argMax(x: Value, axis = -1, keepDims = false): Value {
  return make('argMax', [x], { axis: axisOf('argMax', axis, x.shape.length), keepDims });
}

// Shapes of common use

/** [b, c, h, w] -> [b, h*w, c] */
export function imageToTokens(x: Value): Value {
  const [b, c, h, w] = x.shape as [Dim, Dim, Dim, Dim];
  return transpose(reshape(x, [b, c, mulDims(h, w)]), [0, 2, 1]);
}

/** [b, h*w, c] -> [b, c, h, w] */
export function tokensToImage(x: Value, height: Dim, width: Dim): Value {
  const [b, , c] = x.shape as [Dim, Dim, Dim];
  return reshape(transpose(x, [0, 2, 1]), [b, c, height, width]);
}
