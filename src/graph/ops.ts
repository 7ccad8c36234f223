/**
 * The op table: every operation of the IR, declared once, with its attributes.
 *
 * Each pass (shapes, gradients, lowering, interpretation, printing) is a table that is total over `Op`, so adding a row
 * here makes the compiler name every rule that is still missing. Semantics follow PyTorch; layouts are NCHW,
 * convolution weights [out, in/groups, kh, kw], transposed convolution weights [in, out/groups, kh, kw], linear
 * weights [out, in].
 */

import type { DType } from '#core/dtype';
import type { HostTensor } from '#core/tensor';
import type { Dim } from './dim.ts';

type None = Readonly<Record<never, never>>;

/** [vertical, horizontal] */
export type Pair = readonly [number, number];
/** [top, left, bottom, right] */
export type Padding = readonly [number, number, number, number];

export interface ConvAttrs {
  readonly stride: Pair;
  readonly padding: Padding;
  readonly dilation: Pair;
  readonly groups: number;
}

export interface PoolAttrs {
  readonly kernel: Pair;
  readonly stride: Pair;
  readonly padding: Padding;
}

export interface ReduceAttrs {
  readonly axes: readonly number[];
  readonly keepDims: boolean;
}

interface Leaves {
  /** Fed at every run. */
  input: { readonly name: string };
  /** Bound when the graph is compiled (weights), or fed like an input where a backend is told so (training). */
  parameter: { readonly name: string };
  constant: { readonly tensor: HostTensor };
}

type UnaryName =
  | 'neg'
  | 'abs'
  | 'sign'
  | 'exp'
  | 'log'
  | 'sqrt'
  | 'rsqrt'
  | 'reciprocal'
  | 'sin'
  | 'cos'
  | 'tanh'
  | 'sigmoid'
  | 'erf'
  | 'floor'
  | 'relu'
  | 'silu'
  /** x * Phi(x), exact by erf */
  | 'gelu'
  /** tanh approximation */
  | 'geluTanh'
  /** x * sigmoid(1.702 x) */
  | 'quickGelu'
  | 'softplus'
  | 'logicalNot'
  /** Identity whose gradient is zero. */
  | 'stopGradient';

type BinaryName = 'add' | 'sub' | 'mul' | 'div' | 'pow' | 'maximum' | 'minimum';
type CompareName = 'equal' | 'greater' | 'less' | 'greaterEqual' | 'lessEqual';
type LogicalName = 'logicalAnd' | 'logicalOr';

interface Elementwise {
  leakyRelu: { readonly slope: number };
  elu: { readonly alpha: number };
  clamp: { readonly min: number; readonly max: number };
  cast: { readonly to: DType };
  /** (condition: bool, a, b), all broadcast */
  where: None;
}

interface Contractions {
  /** (a [..., m, k], b [..., k, n]) with broadcast batch dimensions; both have rank >= 2 */
  matmul: None;
  /** (x [..., in], weight [out, in], bias? [out]) */
  linear: None;
  /** (x [n, c, h, w], weight, bias?) */
  conv2d: ConvAttrs;
  /** (x, weight, bias?); output size is (in - 1) * stride - padding + dilation * (k - 1) + 1 + outputPadding */
  convTranspose2d: ConvAttrs & { readonly outputPadding: Pair };
  /** (x, gradient of a conv2d's output) -> gradient of its weight, kernel = [kh, kw] */
  conv2dWeightGrad: ConvAttrs & { readonly kernel: Pair };
  /** (q [b, t, heads*d], k [b, s, heads*d], v [b, s, heads*dv], mask? broadcastable to [b, heads, t, s], added) */
  attention: { readonly heads: number; readonly scale: number; readonly causal: boolean };
}

interface Normalisation {
  /** (x [n, c, ...], weight [c], bias [c]); biased variance. Instance norm is groups = c. */
  groupNorm: { readonly groups: number; readonly eps: number };
  /** (x [..., c], weight [c], bias [c]) */
  layerNorm: { readonly eps: number };
  /** (x [..., c], weight [c]) */
  rmsNorm: { readonly eps: number };
  softmax: { readonly axis: number };
  logSoftmax: { readonly axis: number };
}

interface Spatial {
  /** Padding counts as zero and is included in the divisor. */
  avgPool2d: PoolAttrs;
  maxPool2d: PoolAttrs;
  /** (gradient of the output) -> gradient of the input, whose height and width are `size` */
  avgPool2dGrad: PoolAttrs & { readonly size: readonly [Dim, Dim] };
  /** (x, gradient of the output) -> gradient of x; the first maximum takes it all */
  maxPool2dGrad: PoolAttrs;
  resizeNearest: { readonly scale: Pair };
  resizeBilinear: { readonly size: Pair; readonly alignCorners: boolean };
}

interface Movement {
  reshape: { readonly shape: readonly Dim[] };
  transpose: { readonly perm: readonly number[] };
  /** Broadcast to a shape (of the same or higher rank, aligned at the end). */
  expand: { readonly shape: readonly Dim[] };
  /** One range for every axis; `step` is positive, `end` exclusive and within the dimension. */
  slice: { readonly starts: readonly Dim[]; readonly ends: readonly Dim[]; readonly steps: readonly number[] };
  flip: { readonly axes: readonly number[] };
  concat: { readonly axis: number };
  pad: {
    readonly before: readonly number[];
    readonly after: readonly number[];
    readonly mode: 'constant' | 'reflect' | 'circular';
    readonly value: number;
  };
  /** (data, indices): replaces the axis of data by the shape of indices */
  gather: { readonly axis: number };
  /** (indices, updates) -> zeros with `size` entries on `axis`, updates added at the indices: the gradient of gather */
  gatherGrad: { readonly axis: number; readonly size: Dim };
  /** (data, indices), same rank: torch.gather */
  gatherElements: { readonly axis: number };
  /** (indices, updates) -> gradient of gatherElements with respect to data of `shape` */
  gatherElementsGrad: { readonly axis: number; readonly shape: readonly Dim[] };
  /** (x, earlier) -> x, made when `earlier` has been: what a graph holds work back with */
  after: None;
}

interface Reductions {
  sum: ReduceAttrs;
  mean: ReduceAttrs;
  max: ReduceAttrs;
  min: ReduceAttrs;
  /** -> i64, the first maximum */
  argMax: { readonly axis: number; readonly keepDims: boolean };
}

export type OpAttrs = Leaves &
  Record<UnaryName | BinaryName | CompareName | LogicalName, None> &
  Elementwise &
  Contractions &
  Normalisation &
  Spatial &
  Movement &
  Reductions;

export type Op = keyof OpAttrs;

export type UnaryOp = UnaryName;
export type BinaryOp = BinaryName;
export type CompareOp = CompareName;
export type LogicalOp = LogicalName;
