/**
 * Composites: what networks and losses use often and the op table does not hold, written with it. They have no rules
 * of their own; gradients, lowering and interpretation follow from their parts. Definitions follow PyTorch.
 */

import type { DType } from '#core/dtype';
import { tensor } from '#core/tensor';
import * as b from './build.ts';
import { type Dim, divideDims, mulDims, productOf } from './dim.ts';
import { fillHost } from './host.ts';
import { axisOf, GraphError } from './shapes.ts';
import type { Value } from './value.ts';

// Shapes and constants

/** A tensor of one value in any shape, also a symbolic one. */
export function filled(value: number, dtype: DType, shape: readonly Dim[]): Value {
  const fixed = shape.filter((d) => typeof d === 'number');
  return fixed.length === shape.length ? b.full(value, dtype, fixed) : b.expand(b.full(value, dtype), shape);
}

/** The number of entries along `dims` as a scalar value; symbolic sizes are counted at run time by summing ones. */
export function countOf(dims: readonly Dim[], dtype: DType): Value {
  const fixed = dims.reduce<number>((n, d) => (typeof d === 'number' ? n * d : n), 1);
  return dims
    .filter((d) => typeof d !== 'number')
    .reduce<Value>((n, d) => b.mul(n, b.sum(b.expand(b.full(1, dtype), [d]))), b.full(fixed, dtype));
}

/** 0, 1, ... count - 1 */
export function arange(count: number, dtype: DType = 'f32'): Value {
  return b.constant(
    tensor(
      dtype,
      [count],
      fillHost(dtype, count, (i) => i),
    ),
  );
}

/** Inserts an axis of size one. */
export function unsqueeze(x: Value, axis: number): Value {
  const at = axisOf('unsqueeze', axis, x.shape.length + 1);
  return b.reshape(x, [...x.shape.slice(0, at), 1, ...x.shape.slice(at)]);
}

/** Removes an axis of size one. */
export function squeeze(x: Value, axis: number): Value {
  const at = axisOf('squeeze', axis, x.shape.length);
  if (x.shape[at] !== 1) throw new GraphError('squeeze', `axis ${at} has size ${x.shape[at]}, expected 1`);
  return b.reshape(x, [...x.shape.slice(0, at), ...x.shape.slice(at + 1)]);
}

/** Joins values of one shape along a new axis. */
export function stack(values: readonly Value[], axis: number): Value {
  const at = axisOf('stack', axis, values[0]!.shape.length + 1);
  return b.concat(
    values.map((v) => unsqueeze(v, at)),
    at,
  );
}

/** Rows of `weight` [entries, width] at integer `ids` [...]: [..., width] */
export function embedding(weight: Value, ids: Value): Value {
  return b.gather(weight, ids, 0);
}

/** Integer `ids` [...] to [..., depth] of zeros and ones. */
export function oneHot(ids: Value, depth: number, dtype: DType = 'f32'): Value {
  return b.cast(b.equal(unsqueeze(ids, -1), arange(depth, ids.dtype)), dtype);
}

// Statistics and normalisation

export interface ReduceOptions {
  /** All axes by default. */
  readonly axes?: readonly number[];
  readonly keepDims?: boolean;
}

/** log(sum(exp(x))) without overflow. */
export function logsumexp(x: Value, axis = -1, keepDims = false): Value {
  const top = b.stopGradient(b.max(x, [axis], true));
  const out = b.add(b.log(b.sum(b.exp(b.sub(x, top)), [axis], true)), top);
  return keepDims ? out : squeeze(out, axis);
}

/** Variance with divisor n - ddof; PyTorch's default is ddof 1. */
export function variance(x: Value, ddof: number, { axes, keepDims = false }: ReduceOptions = {}): Value {
  const all = (axes ?? x.shape.map((_, i) => i)).map((a) => axisOf('variance', a, x.shape.length));
  const d = b.sub(x, b.mean(x, all, true));
  const square = b.mul(d, d);
  if (ddof === 0) return b.mean(square, all, keepDims);
  const dims = all.map((a) => x.shape[a]!);
  const count = countOf(dims, x.dtype);
  return b.div(b.sum(square, all, keepDims), b.sub(count, ddof));
}

/** A vector over channels as [1, c, 1, ...] for a value [n, c, ...]. */
function perChannel(v: Value, x: Value): Value {
  return b.reshape(v, [1, x.shape[1]!, ...x.shape.slice(2).map(() => 1)]);
}

export interface BatchNormTrain {
  /** Shape of x. */
  readonly y: Value;
  /** [c] */
  readonly mean: Value;
  /** [c], biased (divisor n); running statistics want it times n / (n - 1). */
  readonly variance: Value;
}

/** Batch normalisation of x [n, c, ...] by the statistics of this batch. */
export function batchNormTrain(x: Value, weight: Value, bias: Value, eps = 1e-5): BatchNormTrain {
  const axes = x.shape.flatMap((_, i) => (i === 1 ? [] : [i]));
  const mean = b.mean(x, axes, true);
  const d = b.sub(x, mean);
  const spread = b.mean(b.mul(d, d), axes, true);
  const scale = b.mul(b.reciprocal(b.sqrt(b.add(spread, eps))), perChannel(weight, x));
  const channels = [x.shape[1]!];
  return {
    y: b.add(b.mul(d, scale), perChannel(bias, x)),
    mean: b.reshape(mean, channels),
    variance: b.reshape(spread, channels),
  };
}

/** Batch normalisation of x [n, c, ...] by given statistics, each [c]. */
export function batchNorm(x: Value, weight: Value, bias: Value, mean: Value, variance: Value, eps = 1e-5): Value {
  const scale = b.div(weight, b.sqrt(b.add(variance, eps)));
  const shift = b.sub(bias, b.mul(mean, scale));
  return b.add(b.mul(x, perChannel(scale, x)), perChannel(shift, x));
}

/** Every channel of every sample normalised over its own picture. x [n, c, ...] with c fixed. */
export function instanceNorm(x: Value, weight: Value, bias: Value, eps = 1e-5): Value {
  return b.groupNorm(x, weight, bias, x.shape[1] as number, eps);
}

/** First half of the last axis times gelu of the second (Shazeer 2020, with the halves in diffusers' order). */
export function geglu(x: Value): Value {
  const [value, gate] = b.split(x, 2, -1) as [Value, Value];
  return b.mul(value, b.gelu(gate));
}

/** [n, c, h, w] -> [n, c, 1, 1] */
export function globalAvgPool(x: Value): Value {
  return b.mean(x, [2, 3], true);
}

/** [n, ...] -> [n, product of the rest] */
export function flatten(x: Value): Value {
  return b.reshape(x, [x.shape[0]!, productOf(x.shape.slice(1))]);
}

/** [n, c, h, w] -> [n, c * s * s, h / s, w / s], sides that s divides; torch.nn.PixelUnshuffle. */
export function pixelUnshuffle(x: Value, s: number): Value {
  const [n, c, h, w] = x.shape as [Dim, Dim, Dim, Dim];
  const [rows, columns] = [divideDims(h, s), divideDims(w, s)];
  if (rows === undefined || columns === undefined)
    throw new GraphError('pixelUnshuffle', `sides of ${h} x ${w} are no multiples of ${s}`);
  const grid = b.reshape(x, [n, c, rows, s, columns, s]);
  return b.reshape(b.transpose(grid, [0, 1, 3, 5, 2, 4]), [n, mulDims(c, s * s), rows, columns]);
}

/** [n, c * s * s, h, w] -> [n, c, h * s, w * s]; torch.nn.PixelShuffle. */
export function pixelShuffle(x: Value, s: number): Value {
  const [n, c, h, w] = x.shape as [Dim, number, Dim, Dim];
  const grid = b.reshape(x, [n, c / (s * s), s, s, h, w]);
  return b.reshape(b.transpose(grid, [0, 1, 4, 2, 5, 3]), [n, c / (s * s), mulDims(h, s), mulDims(w, s)]);
}

// Losses

export type Reduction = 'mean' | 'sum' | 'none';

function reduced(loss: Value, reduction: Reduction): Value {
  return reduction === 'none' ? loss : reduction === 'sum' ? b.sum(loss) : b.mean(loss);
}

/** (a - b)^2 */
export function mse(prediction: Value, target: Value, reduction: Reduction = 'mean'): Value {
  const d = b.sub(prediction, target);
  return reduced(b.mul(d, d), reduction);
}

/** |a - b| */
export function l1(prediction: Value, target: Value, reduction: Reduction = 'mean'): Value {
  return reduced(b.abs(b.sub(prediction, target)), reduction);
}

/** d^2/2 where |d| < delta, delta (|d| - delta/2) elsewhere (Huber 1964). */
export function huber(prediction: Value, target: Value, delta = 1, reduction: Reduction = 'mean'): Value {
  const d = b.sub(prediction, target);
  const size = b.abs(d);
  const near = b.mul(b.mul(d, d), 0.5);
  const far = b.mul(b.sub(size, delta / 2), delta);
  return reduced(b.where(b.less(size, delta), near, far), reduction);
}

/** Huber's loss divided by beta, so that its slope far away is 1. */
export function smoothL1(prediction: Value, target: Value, beta = 1, reduction: Reduction = 'mean'): Value {
  return reduced(b.div(huber(prediction, target, beta, 'none'), beta), reduction);
}

/** Minus the log-probability of the class. Log-probabilities have classes on `axis`, integer targets lack that axis. */
export function nll(logProbabilities: Value, targets: Value, axis = -1, reduction: Reduction = 'mean'): Value {
  const at = axisOf('nll', axis, logProbabilities.shape.length);
  const picked = b.gatherElements(logProbabilities, unsqueeze(targets, at), at);
  return reduced(b.neg(squeeze(picked, at)), reduction);
}

/** nll of log-softmax. */
export function crossEntropy(logits: Value, targets: Value, axis = -1, reduction: Reduction = 'mean'): Value {
  return nll(b.logSoftmax(logits, axis), targets, axis, reduction);
}

/** Binary cross-entropy of sigmoid(logits) against targets in [0, 1]: softplus(x) - x y. */
export function bceWithLogits(logits: Value, targets: Value, reduction: Reduction = 'mean'): Value {
  return reduced(b.sub(b.softplus(logits), b.mul(logits, targets)), reduction);
}

/** KL of N(mean, exp(logVariance)) from N(0, 1), summed over all axes but the batch: [n] (Kingma & Welling 2013). */
export function gaussianKl(mean: Value, logVariance: Value): Value {
  const inner = b.sub(b.add(b.mul(mean, mean), b.exp(logVariance)), b.add(logVariance, 1));
  const axes = mean.shape.flatMap((_, i) => (i === 0 ? [] : [i]));
  return b.mul(b.sum(inner, axes), 0.5);
}
