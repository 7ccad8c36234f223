/**
 * The `autograd` rows of the numeric goldens as graphs: inputs and upstream gradient are fed, the output and the
 * gradient of every float input come back. Any executor can run them: the interpreter in float64, a backend in float32.
 */

import type { DType } from '#core/dtype';
import { type HostTensor, i64, type Shape, sizeOf, tensor } from '#core/tensor';
import * as b from '#graph/build';
import * as c from '#graph/compose';
import { vjp } from '#graph/gradient';
import { fillHost } from '#graph/host';
import type { Padding } from '#graph/ops';
import { closeGraph, type Graph, type Value } from '#graph/value';

export interface AutogradRow {
  readonly op: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly inputs: Readonly<Record<string, { shape: Shape; data: readonly number[] }>>;
  readonly output: { shape: Shape; data: readonly number[] };
  readonly upstream: readonly number[];
  readonly grads: Readonly<Record<string, readonly number[]>>;
}

export interface AutogradCase {
  readonly name: string;
  /** Inputs by name and `upstream`; outputs `output` and `grad.<input>`. */
  readonly graph: Graph;
  readonly feeds: Readonly<Record<string, HostTensor>>;
  readonly expected: Readonly<Record<string, { shape: Shape; data: readonly number[] }>>;
}

type Inputs = Readonly<Record<string, Value>>;
type Params = Readonly<Record<string, unknown>>;
type Build = (inputs: Inputs, params: Params) => Value;

const number = (v: unknown, otherwise = 0): number => (typeof v === 'number' ? v : otherwise);

const on =
  (f: (x: Value) => Value): Build =>
  ({ a }) =>
    f(a!);

const both =
  (f: (x: Value, y: Value) => Value): Build =>
  ({ a, b }) =>
    f(a!, b!);

function paddingOf({ padding, pad_lrtb: sides }: Params): Padding | number {
  if (!sides) return number(padding);
  const [left, right, top, bottom] = sides as Padding;
  return [top, left, bottom, right];
}

const convolution: Build = ({ x, w, b: bias }, p) =>
  b.conv2d(x!, w!, bias, {
    stride: number(p.stride, 1),
    padding: paddingOf(p),
    dilation: number(p.dilation, 1),
    groups: number(p.groups, 1),
  });

const transposedConvolution: Build = ({ x, w, b: bias }, p) =>
  b.convTranspose2d(x!, w!, bias, {
    stride: number(p.stride, 1),
    padding: number(p.padding),
    outputPadding: number(p.output_padding),
  });

/** Rows hold [b, heads, t, d], the op takes [b, t, heads*d]. */
const attention: Build = ({ q, k, v, m }, p) => {
  const merge = (x: Value): Value => {
    const [n, heads, t, d] = x.shape as [number, number, number, number];
    return b.reshape(b.transpose(x, [0, 2, 1, 3]), [n, t, heads * d]);
  };
  const [n, heads, t] = q!.shape as [number, number, number];
  const options = { heads, causal: p.mask === 'causal', ...(m ? { mask: m } : {}) };
  const out = b.attention(merge(q!), merge(k!), merge(v!), options);
  return b.transpose(b.reshape(out, [n, t, heads, v!.shape[3]!]), [0, 2, 1, 3]);
};

/** Python's basic slices, e.g. `[:,1:4,::2]`. */
const slice: Build = ({ a }, { index }) =>
  (index as string)
    .slice(1, -1)
    .split(',')
    .reduce((x, part, axis) => {
      const [start, end, step] = part.split(':').map((s) => (s === '' ? undefined : Number(s)));
      return b.sliceAxis(x, axis, start ?? 0, end ?? (x.shape[axis] as number), step ?? 1);
    }, a!);

const pool =
  (f: typeof b.maxPool2d): Build =>
  ({ x }, p) =>
    f(x!, { kernel: number(p.kernel), stride: number(p.stride), padding: number(p.padding) });

const bilinear: Build = ({ x }, p) => {
  const [h, w] = x!.shape.slice(2) as [number, number];
  return b.resizeBilinear(x!, [h * number(p.scale), w * number(p.scale)], p.align_corners === true);
};

const padAll =
  (mode: 'reflect' | 'circular'): Build =>
  ({ a }, p) => {
    const sides = [0, 0, number(p.pad), number(p.pad)];
    return b.pad(a!, sides, sides, mode);
  };

function ramp(count: number, from: number, like: Value): Value {
  return b.constant(
    tensor(
      like.dtype,
      [count],
      fillHost(like.dtype, count, (i) => from + i),
    ),
  );
}

const builders: Readonly<Record<string, Build>> = {
  add: both(b.add),
  add_broadcast_row: both(b.add),
  add_broadcast_channel: both(b.add),
  sub_broadcast: both(b.sub),
  mul: both(b.mul),
  mul_broadcast: both(b.mul),
  div_broadcast: both(b.div),
  pow2: ({ a }, p) => b.pow(a!, number(p.exponent)),
  exp: on(b.exp),
  log: on(b.log),
  sqrt: on(b.sqrt),
  rsqrt: on(b.rsqrt),
  abs: on(b.abs),
  neg: on(b.neg),
  sin: on(b.sin),
  cos: on(b.cos),
  clamp: ({ a }, p) => b.clamp(a!, number(p.min), number(p.max)),
  maximum: both(b.maximum),
  matmul_2d: both(b.matmul),
  matmul_batched: both(b.matmul),
  matmul_broadcast: both(b.matmul),
  linear: ({ x, w, b: bias }) => b.linear(x!, w!, bias),
  conv2d: convolution,
  conv2d_1x1: convolution,
  conv2d_stride2: convolution,
  conv2d_stride2_asympad: convolution,
  conv2d_groups: convolution,
  conv2d_depthwise: convolution,
  conv2d_dilation2: convolution,
  conv_transpose2d: transposedConvolution,
  conv_transpose2d_k4: transposedConvolution,
  group_norm: ({ x, w, b: bias }, p) => b.groupNorm(x!, w!, bias!, number(p.groups), number(p.eps)),
  layer_norm: ({ x, w, b: bias }, p) => b.layerNorm(x!, w!, bias!, number(p.eps)),
  rms_norm: ({ x, w }, p) => b.rmsNorm(x!, w!, number(p.eps)),
  batch_norm_train: ({ x, w, b: bias }, p) => c.batchNormTrain(x!, w!, bias!, number(p.eps)).y,
  softmax: ({ a }, p) => b.softmax(a!, number(p.dim)),
  softmax_dim1: ({ a }, p) => b.softmax(a!, number(p.dim)),
  log_softmax: ({ a }, p) => b.logSoftmax(a!, number(p.dim)),
  cross_entropy: ({ a, t }) => c.crossEntropy(a!, t!),
  nll_log_softmax: ({ a, t }) => c.nll(b.logSoftmax(a!), t!),
  gelu_erf: on(b.gelu),
  gelu_tanh: on(b.geluTanh),
  quick_gelu: on(b.quickGelu),
  geglu: on(c.geglu),
  silu: on(b.silu),
  sigmoid: on(b.sigmoid),
  tanh: on(b.tanh),
  relu: on(b.relu),
  leaky_relu: ({ a }, p) => b.leakyRelu(a!, number(p.slope)),
  elu: on(b.elu),
  softplus: on(b.softplus),
  attention,
  attention_additive_mask: attention,
  attention_causal: attention,
  avg_pool2d: pool(b.avgPool2d),
  max_pool2d: pool(b.maxPool2d),
  max_pool2d_k3s2p1: pool(b.maxPool2d),
  adaptive_avg_pool_1: ({ x }) => c.globalAvgPool(x!),
  upsample_nearest2: ({ x }, p) => b.resizeNearest(x!, number(p.scale)),
  upsample_bilinear2: bilinear,
  upsample_bilinear2_align: bilinear,
  embedding: ({ t, w }) => c.embedding(w!, t!),
  gather: ({ a, t }, p) => b.gatherElements(a!, t!, number(p.dim)),
  index_select: ({ a, t }, p) => b.gather(a!, t!, number(p.dim)),
  slice,
  concat: ({ a, b: other }, p) => b.concat([a!, other!], number(p.dim)),
  stack: ({ a, b: other }, p) => c.stack([a!, other!], number(p.dim)),
  pad_constant: ({ a }, p) => {
    const [left, right, top, bottom] = p.pad_lrtb as Padding;
    return b.pad(a!, [0, 0, top, left], [0, 0, bottom, right], 'constant', number(p.value));
  },
  pad_reflect: padAll('reflect'),
  pad_circular: padAll('circular'),
  sum_all: on(b.sum),
  sum_dim: ({ a }, p) => b.sum(a!, p.dims as number[], p.keepdim === true),
  mean_dim: ({ a }, p) => b.mean(a!, [number(p.dim)]),
  var_unbiased: ({ a }, p) => c.variance(a!, number(p.ddof), { axes: [number(p.dim)] }),
  max_dim: ({ a }, p) => b.max(a!, [number(p.dim)]),
  logsumexp: ({ a }, p) => c.logsumexp(a!, number(p.dim)),
  bce_with_logits: ({ a, y }) => c.bceWithLogits(a!, y!),
  mse: both(c.mse),
  l1: both(c.l1),
  smooth_l1: ({ a, b: other }, p) => c.smoothL1(a!, other!, number(p.beta)),
  huber: ({ a, b: other }, p) => c.huber(a!, other!, number(p.delta)),
  where: ({ a, b: other }, p) => {
    const rows = p.condition as number[][];
    const data = Uint8Array.from(rows.flat());
    return b.where(b.constant(tensor('bool', [rows.length, rows[0]!.length], data)), a!, other!);
  },
  transpose_matmul: both((a, other) => b.matmul(b.transpose(a, [0, 2, 1]), other)),
  permute_reshape: on((a) => {
    const [n, rows, columns] = a.shape as [number, number, number];
    const flat = b.reshape(b.transpose(a, [0, 2, 1]), [n, 2, (rows * columns) / 2]);
    return b.mul(flat, ramp((rows * columns) / 2, 1, a));
  }),
  expand_mul: on((a) => {
    const shape = [a.shape[0] as number, 4];
    return b.mul(b.expand(a, shape), b.reshape(ramp(sizeOf(shape), 0, a), shape));
  }),
  lora_linear: ({ x, w, d, u }, p) => b.add(b.linear(x!, w!), b.mul(b.linear(b.linear(x!, d!), u!), number(p.scale))),
  resblock_like: ({ x, g, b: bias, w }, p) => {
    const normal = b.silu(b.groupNorm(x!, g!, bias!, number(p.groups), number(p.eps)));
    return b.add(b.conv2d(normal, w!, undefined, { padding: number(p.padding) }), x!);
  },
};

/** The graph of one row with floats of `dtype`, what to feed it and what to expect. */
export function autogradCase(row: AutogradRow, dtype: DType): AutogradCase {
  const build = builders[row.op];
  if (!build) throw new Error(`no graph is known for the autograd row ${row.op}`);
  const host = (shape: Shape, data: readonly number[]): HostTensor =>
    tensor(
      dtype,
      shape,
      fillHost(dtype, data.length, (i) => data[i]!),
    );
  // Rows name integer operands t; they have no gradient.
  const feeds: Record<string, HostTensor> = { upstream: host(row.output.shape, row.upstream) };
  for (const [name, { shape, data }] of Object.entries(row.inputs)) {
    feeds[name] = name === 't' ? i64(shape, data) : host(shape, data);
  }
  const leaves = Object.fromEntries(Object.entries(feeds).map(([name, t]) => [name, b.input(name, t.dtype, t.shape)]));
  const output = build(leaves, row.params);
  const names = Object.keys(row.grads);
  const gradients = vjp(
    output,
    leaves.upstream!,
    names.map((n) => leaves[n]!),
  );
  const outputs = Object.fromEntries(names.map((n, i) => [`grad.${n}`, gradients[i]!]));
  const expected = Object.fromEntries(
    names.map((n) => [`grad.${n}`, { shape: row.inputs[n]!.shape, data: row.grads[n]! }]),
  );
  return {
    name: row.op,
    graph: closeGraph(row.op, { output, ...outputs }),
    feeds,
    expected: { output: row.output, ...expected },
  };
}

/**
 * Largest difference over the largest expected magnitude (absolute where all expected are zero); infinite for a NaN or
 * another length.
 */
export function relativeError(got: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (got.length !== expected.length) return Number.POSITIVE_INFINITY;
  let difference = 0;
  let scale = 0;
  for (let i = 0; i < expected.length; i++) {
    const d = Math.abs(got[i]! - expected[i]!);
    difference = Number.isNaN(d) ? Number.POSITIVE_INFINITY : Math.max(difference, d);
    scale = Math.max(scale, Math.abs(expected[i]!));
  }
  return scale > 0 ? difference / scale : difference;
}
