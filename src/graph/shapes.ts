/** Shape and dtype rules: one row an op. Illegal operands throw a GraphError that names the op and what it got. */

import { type DType, isFloat } from '#core/dtype';
import { DarkroomError } from '#core/errors';
import {
  addDims,
  type Dim,
  divideDims,
  floorDivDim,
  formatShape,
  mulDims,
  productOf,
  sameDim,
  sameShape,
  subDims,
} from './dim.ts';
import type { BinaryOp, CompareOp, ConvAttrs, LogicalOp, Op, OpAttrs, PoolAttrs, ReduceAttrs, UnaryOp } from './ops.ts';
import type { Value, ValueType } from './value.ts';

/** Operands that an operation cannot take. */
export class GraphError extends DarkroomError {
  constructor(op: string, message: string) {
    super('graph.illegal', `${op}: ${message}`);
  }
}

type ShapeRule<O extends Op> = (inputs: readonly Value[], attrs: OpAttrs[O]) => ValueType;
type ReduceRule = (inputs: readonly Value[], attrs: ReduceAttrs) => ValueType;

const describe = (v: ValueType): string => `${v.dtype}${formatShape(v.shape)}`;

/** The broadcast of shapes by NumPy's rule. */
export function broadcastShapes(op: string, ...shapes: (readonly Dim[])[]): readonly Dim[] {
  const rank = Math.max(...shapes.map((s) => s.length));
  return Array.from({ length: rank }, (_, i) => {
    let out: Dim = 1;
    for (const s of shapes) {
      const d = s[i - rank + s.length] ?? 1;
      if (d === 1) continue;
      if (out !== 1 && !sameDim(out, d)) {
        throw new GraphError(op, `shapes ${shapes.map(formatShape).join(' and ')} do not broadcast`);
      }
      out = d;
    }
    return out;
  });
}

function sameDtype(op: string, inputs: readonly Value[]): DType {
  const dtype = inputs[0]!.dtype;
  if (inputs.some((v) => v.dtype !== dtype)) {
    throw new GraphError(op, `operands need one dtype, got ${inputs.map(describe).join(', ')}`);
  }
  return dtype;
}

function requireRank(op: string, v: Value, rank: number): void {
  if (v.shape.length !== rank) throw new GraphError(op, `needs rank ${rank}, got ${describe(v)}`);
}

function requireSame(op: string, what: string, got: Dim, expected: Dim): void {
  if (!sameDim(got, expected)) throw new GraphError(op, `${what} is ${got}, expected ${expected}`);
}

/** Resolves a possibly negative axis. */
export function axisOf(op: string, axis: number, rank: number): number {
  const a = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(a) || a < 0 || a >= rank) throw new GraphError(op, `axis ${axis} is outside rank ${rank}`);
  return a;
}

const unary =
  (op: string): ShapeRule<UnaryOp> =>
  ([x]) => {
    if (!isFloat(x!.dtype) && !['neg', 'abs', 'sign', 'logicalNot', 'stopGradient', 'relu'].includes(op)) {
      throw new GraphError(op, `needs a float, got ${describe(x!)}`);
    }
    return { dtype: x!.dtype, shape: x!.shape };
  };

const same: ShapeRule<Op> = ([x]) => ({ dtype: x!.dtype, shape: x!.shape });

const binary =
  (op: string): ShapeRule<BinaryOp> =>
  (inputs) => ({
    dtype: sameDtype(op, inputs),
    shape: broadcastShapes(op, inputs[0]!.shape, inputs[1]!.shape),
  });

const compare =
  (op: string): ShapeRule<CompareOp | LogicalOp> =>
  (inputs) => {
    sameDtype(op, inputs);
    return { dtype: 'bool', shape: broadcastShapes(op, inputs[0]!.shape, inputs[1]!.shape) };
  };

const reduce =
  (op: string): ReduceRule =>
  ([x], { axes, keepDims }) => {
    const drop = new Set(axes.map((a) => axisOf(op, a, x!.shape.length)));
    const shape = x!.shape.flatMap((d, i) => (drop.has(i) ? (keepDims ? [1] : []) : [d]));
    return { dtype: x!.dtype, shape };
  };

/** Output size of a sliding window along one axis. */
function windowSize(size: Dim, pad: number, kernel: number, stride: number, dilation: number): Dim {
  return addDims(floorDivDim(addDims(size, pad - dilation * (kernel - 1) - 1), stride), 1);
}

function poolShape(op: string, x: Value, { kernel, stride, padding }: PoolAttrs): readonly Dim[] {
  requireRank(op, x, 4);
  const [n, c, h, w] = x.shape as [Dim, Dim, Dim, Dim];
  return [
    n,
    c,
    windowSize(h, padding[0] + padding[2], kernel[0], stride[0], 1),
    windowSize(w, padding[1] + padding[3], kernel[1], stride[1], 1),
  ];
}

function convOperands(op: string, inputs: readonly Value[]): { x: readonly Dim[]; w: readonly Dim[]; dtype: DType } {
  const [x, w] = inputs as [Value, Value];
  requireRank(op, x, 4);
  requireRank(op, w, 4);
  return { x: x.shape, w: w.shape, dtype: sameDtype(op, inputs) };
}

function requireBias(op: string, bias: Value | undefined, channels: Dim): void {
  if (bias && !sameShape(bias.shape, [channels])) {
    throw new GraphError(op, `bias is ${describe(bias)}, expected [${channels}]`);
  }
}

function normOperands(op: string, inputs: readonly Value[], axis: number): ValueType {
  const [x, ...affine] = inputs as [Value, ...Value[]];
  const channels = x.shape[axisOf(op, axis, x.shape.length)]!;
  for (const p of affine) requireBias(op, p, channels);
  return { dtype: sameDtype(op, inputs), shape: x.shape };
}

export const shapeRules: { readonly [O in Op]: ShapeRule<O> } = {
  input: () => {
    throw new GraphError('input', 'a leaf states its own shape');
  },
  parameter: () => {
    throw new GraphError('parameter', 'a leaf states its own shape');
  },
  constant: (_, { tensor }) => ({ dtype: tensor.dtype, shape: tensor.shape }),

  neg: unary('neg'),
  abs: unary('abs'),
  sign: unary('sign'),
  exp: unary('exp'),
  log: unary('log'),
  sqrt: unary('sqrt'),
  rsqrt: unary('rsqrt'),
  reciprocal: unary('reciprocal'),
  sin: unary('sin'),
  cos: unary('cos'),
  tanh: unary('tanh'),
  sigmoid: unary('sigmoid'),
  erf: unary('erf'),
  floor: unary('floor'),
  relu: unary('relu'),
  silu: unary('silu'),
  gelu: unary('gelu'),
  geluTanh: unary('geluTanh'),
  quickGelu: unary('quickGelu'),
  softplus: unary('softplus'),
  logicalNot: unary('logicalNot'),
  stopGradient: unary('stopGradient'),
  leakyRelu: same,
  elu: same,
  clamp: same,
  cast: ([x], { to }) => ({ dtype: to, shape: x!.shape }),

  add: binary('add'),
  sub: binary('sub'),
  mul: binary('mul'),
  div: binary('div'),
  pow: binary('pow'),
  maximum: binary('maximum'),
  minimum: binary('minimum'),
  equal: compare('equal'),
  greater: compare('greater'),
  less: compare('less'),
  greaterEqual: compare('greaterEqual'),
  lessEqual: compare('lessEqual'),
  logicalAnd: compare('logicalAnd'),
  logicalOr: compare('logicalOr'),
  where: ([condition, a, b]) => {
    if (condition!.dtype !== 'bool') throw new GraphError('where', `condition is ${describe(condition!)}, not bool`);
    return {
      dtype: sameDtype('where', [a!, b!]),
      shape: broadcastShapes('where', condition!.shape, a!.shape, b!.shape),
    };
  },

  matmul: (inputs) => {
    const [a, b] = inputs as [Value, Value];
    if (a.shape.length < 2 || b.shape.length < 2) {
      throw new GraphError('matmul', `needs rank 2 or more, got ${describe(a)} and ${describe(b)}`);
    }
    requireSame('matmul', 'rows of the right operand', b.shape.at(-2)!, a.shape.at(-1)!);
    const batch = broadcastShapes('matmul', a.shape.slice(0, -2), b.shape.slice(0, -2));
    return { dtype: sameDtype('matmul', inputs), shape: [...batch, a.shape.at(-2)!, b.shape.at(-1)!] };
  },
  linear: (inputs) => {
    const [x, w, bias] = inputs as [Value, Value, Value?];
    requireRank('linear', w, 2);
    requireSame('linear', 'input width', x.shape.at(-1)!, w.shape[1]!);
    requireBias('linear', bias, w.shape[0]!);
    return { dtype: sameDtype('linear', inputs), shape: [...x.shape.slice(0, -1), w.shape[0]!] };
  },
  conv2d: (inputs, { stride, padding, dilation, groups }: ConvAttrs) => {
    const { x, w, dtype } = convOperands('conv2d', inputs);
    requireSame('conv2d', 'input channels', x[1]!, mulDims(w[1]!, groups));
    requireBias('conv2d', inputs[2], w[0]!);
    const [kh, kw] = [w[2] as number, w[3] as number];
    return {
      dtype,
      shape: [
        x[0]!,
        w[0]!,
        windowSize(x[2]!, padding[0] + padding[2], kh, stride[0], dilation[0]),
        windowSize(x[3]!, padding[1] + padding[3], kw, stride[1], dilation[1]),
      ],
    };
  },
  convTranspose2d: (inputs, { stride, padding, dilation, groups, outputPadding }) => {
    const { x, w, dtype } = convOperands('convTranspose2d', inputs);
    requireSame('convTranspose2d', 'input channels', x[1]!, w[0]!);
    const channels = mulDims(w[1]!, groups);
    requireBias('convTranspose2d', inputs[2], channels);
    const size = (axis: 0 | 1): Dim =>
      addDims(
        mulDims(subDims(x[2 + axis]!, 1), stride[axis]),
        dilation[axis] * ((w[2 + axis] as number) - 1) + 1 + outputPadding[axis] - padding[axis] - padding[axis + 2]!,
      );
    return { dtype, shape: [x[0]!, channels, size(0), size(1)] };
  },
  conv2dWeightGrad: (inputs, { groups, kernel }) => {
    const { x, w: g, dtype } = convOperands('conv2dWeightGrad', inputs);
    const perGroup = divideDims(x[1]!, groups);
    if (perGroup === undefined) throw new GraphError('conv2dWeightGrad', `${x[1]} channels in ${groups} groups`);
    return { dtype, shape: [g[1]!, perGroup, kernel[0], kernel[1]] };
  },
  attention: (inputs, { heads }) => {
    const [q, k, v] = inputs as [Value, Value, Value];
    for (const t of [q, k, v]) requireRank('attention', t, 3);
    requireSame('attention', 'key width', k.shape[2]!, q.shape[2]!);
    requireSame('attention', 'value length', v.shape[1]!, k.shape[1]!);
    if (divideDims(q.shape[2]!, heads) === undefined || divideDims(v.shape[2]!, heads) === undefined) {
      throw new GraphError('attention', `width ${q.shape[2]} does not split into ${heads} heads`);
    }
    return { dtype: sameDtype('attention', inputs), shape: [q.shape[0]!, q.shape[1]!, v.shape[2]!] };
  },

  groupNorm: (inputs, { groups }) => {
    const channels = inputs[0]!.shape[1]!;
    if (divideDims(channels, groups) === undefined) {
      throw new GraphError('groupNorm', `${channels} channels do not split into ${groups} groups`);
    }
    return normOperands('groupNorm', inputs, 1);
  },
  layerNorm: (inputs) => normOperands('layerNorm', inputs, -1),
  rmsNorm: (inputs) => normOperands('rmsNorm', inputs, -1),
  softmax: same,
  logSoftmax: same,

  avgPool2d: ([x], attrs) => ({ dtype: x!.dtype, shape: poolShape('avgPool2d', x!, attrs) }),
  maxPool2d: ([x], attrs) => ({ dtype: x!.dtype, shape: poolShape('maxPool2d', x!, attrs) }),
  avgPool2dGrad: ([g], { size }) => ({ dtype: g!.dtype, shape: [g!.shape[0]!, g!.shape[1]!, size[0], size[1]] }),
  maxPool2dGrad: same,
  resizeNearest: ([x], { scale }) => {
    requireRank('resizeNearest', x!, 4);
    const [n, c, h, w] = x!.shape as [Dim, Dim, Dim, Dim];
    return { dtype: x!.dtype, shape: [n, c, mulDims(h, scale[0]), mulDims(w, scale[1])] };
  },
  resizeBilinear: ([x], { size }) => {
    requireRank('resizeBilinear', x!, 4);
    return { dtype: x!.dtype, shape: [x!.shape[0]!, x!.shape[1]!, size[0], size[1]] };
  },

  reshape: ([x], { shape }) => {
    const [from, to] = [productOf(x!.shape), productOf(shape)];
    if (!sameDim(from, to)) throw new GraphError('reshape', `${describe(x!)} to ${formatShape(shape)}`);
    return { dtype: x!.dtype, shape };
  },
  transpose: ([x], { perm }) => {
    if (perm.length !== x!.shape.length || new Set(perm).size !== perm.length) {
      throw new GraphError('transpose', `[${perm}] is no permutation of the axes of ${describe(x!)}`);
    }
    return { dtype: x!.dtype, shape: perm.map((p) => x!.shape[axisOf('transpose', p, perm.length)]!) };
  },
  expand: ([x], { shape }) => {
    if (!sameShape(broadcastShapes('expand', x!.shape, shape), shape)) {
      throw new GraphError('expand', `${describe(x!)} to ${formatShape(shape)}`);
    }
    return { dtype: x!.dtype, shape };
  },
  slice: ([x], { starts, ends, steps }) => {
    if (starts.length !== x!.shape.length) throw new GraphError('slice', `${starts.length} ranges for ${describe(x!)}`);
    const shape = x!.shape.map((_, i) => {
      const length = subDims(ends[i]!, starts[i]!);
      return steps[i] === 1 ? length : addDims(floorDivDim(subDims(length, 1), steps[i]!), 1);
    });
    return { dtype: x!.dtype, shape };
  },
  flip: ([x], { axes }) => {
    for (const a of axes) axisOf('flip', a, x!.shape.length);
    return { dtype: x!.dtype, shape: x!.shape };
  },
  concat: (inputs, { axis }) => {
    const first = inputs[0]!.shape;
    const a = axisOf('concat', axis, first.length);
    for (const v of inputs) {
      if (v.shape.length !== first.length || !v.shape.every((d, i) => i === a || sameDim(d, first[i]!))) {
        throw new GraphError('concat', `${inputs.map(describe).join(', ')} along axis ${a}`);
      }
    }
    const total = inputs.reduce<Dim>((sum, v) => addDims(sum, v.shape[a]!), 0);
    return { dtype: sameDtype('concat', inputs), shape: first.map((d, i) => (i === a ? total : d)) };
  },
  pad: ([x], { before, after }) => {
    if (before.length !== x!.shape.length || after.length !== x!.shape.length) {
      throw new GraphError('pad', `${before.length} paddings for ${describe(x!)}`);
    }
    return { dtype: x!.dtype, shape: x!.shape.map((d, i) => addDims(d, before[i]! + after[i]!)) };
  },
  gather: ([data, indices], { axis }) => {
    const a = axisOf('gather', axis, data!.shape.length);
    return { dtype: data!.dtype, shape: [...data!.shape.slice(0, a), ...indices!.shape, ...data!.shape.slice(a + 1)] };
  },
  gatherGrad: ([indices, updates], { axis, size }) => ({
    dtype: updates!.dtype,
    shape: [...updates!.shape.slice(0, axis), size, ...updates!.shape.slice(axis + indices!.shape.length)],
  }),
  gatherElements: ([data, indices]) => ({ dtype: data!.dtype, shape: indices!.shape }),
  gatherElementsGrad: ([, updates], { shape }) => ({ dtype: updates!.dtype, shape }),
  after: same,

  sum: reduce('sum'),
  mean: reduce('mean'),
  max: reduce('max'),
  min: reduce('min'),
  argMax: ([x], { axis, keepDims }) => ({
    dtype: 'i64',
    shape: reduce('argMax')([x!], { axes: [axis], keepDims }).shape,
  }),
};
