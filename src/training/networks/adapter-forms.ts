/**
 * Forms of adapters as they are trained: the tensors of a layer's change, how each starts, and the layer with it.
 *
 * LoRA (Hu et al. 2022, arXiv:2106.09685), on convolutions as LoCon; LoHa and LoKr (Yeh et al. 2023, arXiv:2309.14859)
 * with LyCORIS' first values; DoRA (Liu et al. 2024, arXiv:2402.09353) on any of them. Names as kohya's sd-scripts and
 * LyCORIS store them. Left out: Tucker cores, which save parameters on 3x3 convolutions alone.
 */

import {
  add,
  conv2d,
  div,
  input,
  matmul,
  mul,
  parameter,
  reshape,
  sqrt,
  stopGradient,
  sum,
  transpose,
} from '#graph/build';
import type { Value } from '#graph/value';
import type { Initializer } from '#models/nn/scope';
import type { Layer } from './layer-pass.ts';
import type { TrainedParameter } from './trained-networks.ts';

export const formNames = ['lora', 'loha', 'lokr'] as const;
export type FormName = (typeof formNames)[number];

/** A layer that is to get an adapter. */
export interface Target {
  /** As it is stored, without the tensor's ending: `lora_unet_..._to_q`. */
  readonly name: string;
  /** Of the layer's weight, [out, in, ...kernel]. */
  readonly shape: readonly number[];
  readonly rank: number;
  readonly alpha: number;
}

export interface FormOptions {
  /** Largest factor of LoKr; -1: the nearest to a square. */
  readonly factor: number;
  /** LoKr's second factor as one matrix; by default where its rank would save nothing. */
  readonly wholeFactor?: boolean | undefined;
  readonly dora?: DoraOptions | undefined;
  /** Share of what `down` gives that is dropped; LoRA's alone. */
  readonly dropout: number;
  /** Share of ranks, of adapters. */
  readonly rankDropout: number;
  readonly moduleDropout: number;
}

export interface DoraOptions {
  /** Lengths of input columns (LyCORIS, A1111) or of output rows (PEFT). */
  readonly axis: 'in' | 'out';
  /** The length is a constant of the gradient (section 4.3 of the paper). */
  readonly detached: boolean;
}

interface Form {
  tensors(target: Target, options: FormOptions): TrainedParameter[];
  /** What is added to the weight, [out, in * kernel], scale included. */
  delta(target: Target, options: FormOptions): Value;
}

const uniform = (fanIn: number): Initializer => ({ kind: 'uniform', bound: 1 / Math.sqrt(fanIn) });
const zeros: Initializer = { kind: 'zeros' };
const normal = (std: number): Initializer => ({ kind: 'normal', std });

const columns = ({ shape }: Target): number => shape.slice(1).reduce((a, b) => a * b, 1);
const rows = ({ shape }: Target): number => shape[0]!;
const scale = ({ rank, alpha }: Target): number => alpha / rank;
const tensor = (target: Target, slot: string, shape: readonly number[]): Value =>
  parameter(`${target.name}.${slot}`, shape);

const forms: { readonly [N in FormName]: Form } = {
  lora: {
    tensors: (t) => [
      { name: `${t.name}.lora_down.weight`, shape: downShape(t), initial: uniform(columns(t)) },
      { name: `${t.name}.lora_up.weight`, shape: upShape(t), initial: zeros },
    ],
    delta(t) {
      const down = reshape(tensor(t, 'lora_down.weight', downShape(t)), [t.rank, columns(t)]);
      const up = reshape(tensor(t, 'lora_up.weight', upShape(t)), [rows(t), t.rank]);
      return mul(matmul(up, down), scale(t));
    },
  },
  loha: {
    tensors: (t) => [
      { name: `${t.name}.hada_w1_a`, shape: [rows(t), t.rank], initial: normal(0.1) },
      { name: `${t.name}.hada_w1_b`, shape: [t.rank, columns(t)], initial: normal(1) },
      { name: `${t.name}.hada_w2_a`, shape: [rows(t), t.rank], initial: zeros },
      { name: `${t.name}.hada_w2_b`, shape: [t.rank, columns(t)], initial: normal(1) },
    ],
    delta(t) {
      const side = (n: 1 | 2): Value =>
        matmul(tensor(t, `hada_w${n}_a`, [rows(t), t.rank]), tensor(t, `hada_w${n}_b`, [t.rank, columns(t)]));
      return mul(mul(side(1), side(2)), scale(t));
    },
  },
  lokr: {
    tensors(t, options) {
      const { outer, inner, isWhole } = kroneckerShapes(t, options);
      const first = { name: `${t.name}.lokr_w1`, shape: outer, initial: uniform(outer[1]) };
      if (isWhole) return [first, { name: `${t.name}.lokr_w2`, shape: wholeShape(t, inner), initial: zeros }];
      return [
        first,
        { name: `${t.name}.lokr_w2_a`, shape: [inner[0], t.rank], initial: zeros },
        { name: `${t.name}.lokr_w2_b`, shape: [t.rank, inner[1]], initial: uniform(inner[1]) },
      ];
    },
    delta(t, options) {
      const { outer, inner, isWhole } = kroneckerShapes(t, options);
      const left = tensor(t, 'lokr_w1', outer);
      if (isWhole) {
        const right = reshape(tensor(t, 'lokr_w2', wholeShape(t, inner)), inner);
        return kronecker(left, right, outer, inner);
      }
      const a = tensor(t, 'lokr_w2_a', [inner[0], t.rank]);
      const right = matmul(a, tensor(t, 'lokr_w2_b', [t.rank, inner[1]]));
      return mul(kronecker(left, right, outer, inner), scale(t));
    },
  },
};

/** [rank, in, ...kernel] */
const downShape = ({ shape, rank }: Target): number[] => [rank, ...shape.slice(1)];
/** [out, rank] and ones for a convolution. */
const upShape = ({ shape, rank }: Target): number[] => [shape[0]!, rank, ...shape.slice(2).map(() => 1)];

type Pair = readonly [number, number];

/** Shapes of LoKr's two factors of the weight as a matrix; the second one whole where its rank would save nothing. */
function kroneckerShapes(
  t: Target,
  { factor, wholeFactor }: FormOptions,
): { outer: Pair; inner: Pair; isWhole: boolean } {
  const [a, c] = factorisation(rows(t), factor);
  const [b, d] = factorisation(t.shape[1] ?? 1, factor);
  const inner: Pair = [c, (d * columns(t)) / (t.shape[1] ?? 1)];
  return { outer: [a, b], inner, isWhole: wholeFactor ?? t.rank >= Math.max(c, d) / 2 };
}

/** LoKr's second factor of a convolution has the kernel's axes: [c, d, ...kernel]. */
function wholeShape({ shape }: Target, [c, columns]: Pair): number[] {
  const kernel = shape.slice(2);
  return [c, columns / kernel.reduce((a, b) => a * b, 1), ...kernel];
}

/**
 * LyCORIS' `factorization`: n as a product of two, the first no larger than `factor` and the smaller; -1 for no bound.
 */
export function factorisation(n: number, factor: number): Pair {
  if (factor > 0 && n % factor === 0) return factor <= n / factor ? [factor, n / factor] : [n / factor, factor];
  const bound = factor === -1 ? n : factor;
  let [low, high] = [1, n];
  while (low < high) {
    let next = low + 1;
    while (n % next !== 0) next++;
    const other = n / next;
    if (next + other > low + high || next > bound) break;
    [low, high] = [next, other];
  }
  return low > high ? [high, low] : [low, high];
}

/** Kronecker product of [a, b] and [c, d]: [a*c, b*d]. */
function kronecker(left: Value, right: Value, [a, b]: Pair, [c, d]: Pair): Value {
  return reshape(mul(reshape(left, [a, 1, b, 1]), reshape(right, [1, c, 1, d])), [a * c, b * d]);
}

/** What is stored beside the trained tensors, [name, value]: the scale's numerator. */
export const alphaOf = ({ name, alpha }: Target): readonly [string, number] => [`${name}.alpha`, alpha];

/** Every tensor that a target trains; lengths of DoRA start as those of `weight`, which the caller fills in. */
export function formTensors(form: FormName, target: Target, options: FormOptions, lengths?: Float32Array) {
  const tensors = forms[form].tensors(target, options);
  if (!options.dora) return tensors;
  const shape = lengthsShape(target, options.dora);
  const values = lengths ?? new Float32Array(shape.reduce((a, b) => a * b, 1));
  return [...tensors, { name: `${target.name}.dora_scale`, shape, initial: { kind: 'values' as const, values } }];
}

/** [1, in, 1, 1] or [out, 1, 1, 1], as many axes as the weight. */
function lengthsShape({ shape }: Target, { axis }: DoraOptions): number[] {
  const kept = axis === 'out' ? 0 : 1;
  return shape.map((size, i) => (i === kept ? size : 1));
}

/** LyCORIS' and torch's float32 epsilon, which keeps a column of zeros from dividing by zero. */
const lengthEpsilon = 1.1920928955078125e-7;

/** Lengths of a weight's columns or rows, where DoRA starts. */
export function lengthsOf({ shape }: Target, { axis }: DoraOptions, weight: Float32Array): Float32Array {
  const [out, inner = 1] = shape as [number, number?];
  const cells = weight.length / out / inner;
  const squares = new Float64Array(axis === 'out' ? out : inner);
  for (let i = 0; i < weight.length; i++) {
    const at = axis === 'out' ? Math.floor(i / cells / inner) : Math.floor(i / cells) % inner;
    squares[at]! += weight[i]! ** 2;
  }
  return Float32Array.from(squares, (s) => Math.sqrt(s) + lengthEpsilon);
}

/** Feeds of masks of what is dropped, drawn anew each step: name -> share that is dropped. */
export type DropoutFeeds = Map<string, number>;

/** The layer with its adapter. Low-rank changes go beside it, which spends less than changing its weight. */
export function adapted(
  form: FormName,
  layer: Layer,
  target: Target,
  options: FormOptions,
  drops: DropoutFeeds,
): Value {
  const whole = moduleMask(target, options, drops);
  if (form === 'lora' && !options.dora) return add(layer.with(layer.x), branch(layer, target, options, drops, whole));
  const flat = forms[form].delta(target, options);
  const delta = reshape(whole ? mul(flat, whole) : flat, target.shape);
  const changed = add(layer.weight, delta);
  return layer.with(layer.x, options.dora ? relengthened(changed, target, options.dora) : changed);
}

/** up(down(x)) of LoRA: as the layer goes (stride, padding), then one by one. */
function branch(
  layer: Layer,
  target: Target,
  options: FormOptions,
  drops: DropoutFeeds,
  whole: Value | undefined,
): Value {
  const down = tensor(target, 'lora_down.weight', downShape(target));
  const up = tensor(target, 'lora_up.weight', upShape(target));
  const isLinear = layer.op === 'linear';
  let inner = isLinear ? matmul(layer.x, transpose(down, [1, 0])) : layer.plain(down);
  if (options.dropout > 0) inner = mul(inner, mask(`${target.name}.dropout`, inner.shape, options.dropout, drops));
  if (options.rankDropout > 0) {
    const shape = isLinear ? [target.rank] : [1, target.rank, 1, 1];
    inner = mul(inner, mask(`${target.name}.rank_dropout`, shape, options.rankDropout, drops));
  }
  const outer = isLinear ? matmul(inner, transpose(up, [1, 0])) : conv2d(inner, up);
  const scaled = mul(outer, scale(target));
  return whole ? mul(scaled, whole) : scaled;
}

function moduleMask({ name }: Target, { moduleDropout }: FormOptions, drops: DropoutFeeds): Value | undefined {
  if (moduleDropout === 0) return undefined;
  // Not scaled up: the whole adapter is there or not.
  drops.set(`${name}.module_dropout`, -moduleDropout);
  return input(`${name}.module_dropout`, 'f32', []);
}

function mask(name: string, shape: Value['shape'], share: number, drops: DropoutFeeds): Value {
  drops.set(name, share);
  return input(name, 'f32', shape);
}

/** The weight with its rows or columns at the trained lengths. */
function relengthened(weight: Value, target: Target, dora: DoraOptions): Value {
  const lengths = tensor(target, 'dora_scale', lengthsShape(target, dora));
  const kept = dora.axis === 'out' ? 0 : 1;
  const axes = target.shape.map((_, i) => i).filter((i) => i !== kept);
  const norm = add(sqrt(sum(mul(weight, weight), axes, true)), lengthEpsilon);
  return mul(weight, div(lengths, dora.detached ? stopGradient(norm) : norm));
}
