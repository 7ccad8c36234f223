/**
 * A random example of every operation, total by type: property tests of gradients and simplification and the
 * conformance of backends draw from it, so a new op cannot be left untested.
 */

import type { DType } from '#core/dtype';
import { type HostTensor, i64, type Shape, sizeOf, tensor } from '#core/tensor';
import * as b from '#graph/build';
import { fillHost } from '#graph/host';
import type { ConvAttrs, Op, PoolAttrs } from '#graph/ops';
import { make, type Value } from '#graph/value';

/** Draws sizes and operands from a seed, and keeps what each operand is fed with. */
export class Sampler {
  readonly feeds: Record<string, HostTensor> = {};
  readonly floats: Value<'input'>[] = [];
  readonly dtype: DType;
  #state: number;

  constructor(seed: number, dtype: DType) {
    this.#state = seed;
    this.dtype = dtype;
  }

  /** Uniform in (0, 1): mulberry32. */
  uniform(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (((t ^ (t >>> 14)) >>> 0) + 0.5) / 2 ** 32;
  }

  normal(): number {
    return Math.sqrt(-2 * Math.log(this.uniform())) * Math.cos(2 * Math.PI * this.uniform());
  }

  /** A whole number from `low` to `high`, both included. */
  size(low = 1, high = 4): number {
    return low + Math.floor(this.uniform() * (high - low + 1));
  }

  sizes(rank: number): number[] {
    return Array.from({ length: rank }, () => this.size());
  }

  coin(): boolean {
    return this.uniform() < 0.5;
  }

  #feed(t: HostTensor): Value<'input'> {
    const name = `x${Object.keys(this.feeds).length}`;
    this.feeds[name] = t;
    return b.input(name, t.dtype, t.shape);
  }

  #float(shape: Shape, draw: () => number): Value {
    const data = fillHost(this.dtype, sizeOf(shape), draw);
    const leaf = this.#feed(tensor(this.dtype, shape, data));
    this.floats.push(leaf);
    return leaf;
  }

  /** A fed float tensor, standard normal. */
  x(shape: Shape): Value {
    return this.#float(shape, () => this.normal());
  }

  /** A fed float tensor in [0.5, 2.5). */
  positive(shape: Shape): Value {
    return this.#float(shape, () => 0.5 + 2 * this.uniform());
  }

  /** A fed i64 tensor of entries below `limit`. */
  indices(shape: Shape, limit: number): Value {
    const data = Array.from({ length: sizeOf(shape) }, () => this.size(0, limit - 1));
    return this.#feed(i64(shape, data));
  }

  /** A fed bool tensor. */
  flags(shape: Shape): Value {
    return this.#feed(
      tensor(
        'bool',
        shape,
        Uint8Array.from({ length: sizeOf(shape) }, () => (this.coin() ? 1 : 0)),
      ),
    );
  }
}

export type OpSample = (s: Sampler) => Value;

const unary =
  (f: (x: Value) => Value): OpSample =>
  (s) =>
    f(s.x(s.sizes(s.size(1, 3))));

const positive =
  (f: (x: Value) => Value): OpSample =>
  (s) =>
    f(s.positive(s.sizes(s.size(1, 3))));

/** Two shapes that broadcast against each other. */
function broadcastPair(s: Sampler): [number[], number[]] {
  const shape = s.sizes(3);
  const thin = (): number[] => shape.map((d) => (s.uniform() < 0.3 ? 1 : d)).slice(s.size(0, 2));
  return s.coin() ? [shape, thin()] : [thin(), shape.map((d) => (s.uniform() < 0.3 ? 1 : d))];
}

const binary =
  (f: (x: Value, y: Value) => Value): OpSample =>
  (s) => {
    const [p, q] = broadcastPair(s);
    return f(s.x(p), s.x(q));
  };

const flags =
  (f: (x: Value, y: Value) => Value): OpSample =>
  (s) => {
    const [p, q] = broadcastPair(s);
    return f(s.flags(p), s.flags(q));
  };

function convAttrs(s: Sampler): ConvAttrs {
  return {
    stride: [s.size(1, 3), s.size(1, 2)],
    padding: [s.size(0, 2), s.size(0, 1), s.size(0, 1), s.size(0, 2)],
    dilation: [s.size(1, 2), s.size(1, 2)],
    groups: s.size(1, 2),
  };
}

function convolution(s: Sampler): Value {
  const attrs = convAttrs(s);
  const [inputs, outputs] = [attrs.groups * s.size(1, 2), attrs.groups * s.size(1, 2)];
  const x = s.x([s.size(1, 2), inputs, s.size(5, 8), s.size(5, 8)]);
  const weight = s.x([outputs, inputs / attrs.groups, s.size(1, 3), s.size(1, 3)]);
  return make('conv2d', s.coin() ? [x, weight, s.x([outputs])] : [x, weight], attrs);
}

function pointwiseConvolution(s: Sampler): Value {
  const [inputs, outputs] = [s.size(), s.size()];
  const x = s.x([s.size(1, 3), inputs, s.size(), s.size()]);
  return b.conv2d(x, s.x([outputs, inputs, 1, 1]), s.x([outputs]));
}

function transposedConvolution(s: Sampler): Value {
  const attrs = convAttrs(s);
  const kernel = [s.size(2, 3), s.size(2, 3)] as const;
  const outputPadding = [s.size(0, attrs.stride[0] - 1), s.size(0, attrs.stride[1] - 1)] as const;
  const [inputs, outputs] = [attrs.groups * s.size(1, 2), s.size(1, 2)];
  const x = s.x([s.size(1, 2), inputs, s.size(4, 5), s.size(4, 5)]);
  const weight = s.x([inputs, outputs, ...kernel]);
  const bias = s.coin() ? [s.x([outputs * attrs.groups])] : [];
  return make('convTranspose2d', [x, weight, ...bias], { ...attrs, outputPadding });
}

function attention(s: Sampler): Value {
  const [n, heads, t] = [s.size(1, 2), s.size(1, 3), s.size(1, 4)];
  const keys = s.size(1, 5);
  const q = s.x([n, t, heads * 2]);
  const k = s.x([n, keys, heads * 2]);
  const v = s.x([n, keys, heads * s.size(1, 3)]);
  const mask = s.coin() ? { mask: s.x([1, 1, t, keys]) } : {};
  return b.attention(q, k, v, { heads, causal: s.coin(), ...mask });
}

function poolAttrs(s: Sampler): PoolAttrs {
  const kernel = [s.size(2, 3), s.size(2, 3)] as const;
  return { kernel, stride: [s.size(1, 3), s.size(1, 3)], padding: [s.size(0, 1), 1, s.size(0, 1), s.size(0, 1)] };
}

const picture = (s: Sampler): Value => s.x([s.size(1, 2), s.size(1, 2), s.size(4, 6), s.size(4, 6)]);

/** A gradient op as the gradient rule of its forward op builds it, with a fed upstream gradient. */
function pooledGradient(s: Sampler, op: 'avgPool2d' | 'maxPool2d'): Value {
  const x = picture(s);
  const attrs = poolAttrs(s);
  const g = s.x(make(op, [x], attrs).shape as number[]);
  if (op === 'maxPool2d') return make('maxPool2dGrad', [x, g], attrs);
  return make('avgPool2dGrad', [g], { ...attrs, size: [x.shape[2]!, x.shape[3]!] });
}

function pad(s: Sampler): Value {
  const mode = (['constant', 'reflect', 'circular'] as const)[s.size(0, 2)]!;
  const amounts = () => [0, 0, s.size(0, 2), s.size(0, 2)];
  return b.pad(s.x([s.size(1, 2), 1, s.size(3, 4), s.size(3, 4)]), amounts(), amounts(), mode, 0.5);
}

function slice(s: Sampler): Value {
  const shape = s.sizes(3).map((d) => d + 2);
  const starts = shape.map(() => s.size(0, 1));
  const ends = shape.map((d) => d - s.size(0, 1));
  return make('slice', [s.x(shape)], { starts, ends, steps: shape.map(() => s.size(1, 3)) });
}

function concat(s: Sampler): Value {
  const [shape, axis] = [s.sizes(3), s.size(0, 2)];
  const part = (): Value => s.x(shape.map((d, i) => (i === axis ? s.size() : d)));
  return b.concat([part(), part(), part()], axis);
}

function transpose(s: Sampler): Value {
  const perm = [0, 1, 2, 3].map((i) => ({ i, at: s.uniform() })).sort((p, q) => p.at - q.at);
  return make('transpose', [s.x(s.sizes(4))], { perm: perm.map(({ i }) => i) });
}

function gather(s: Sampler): Value {
  const [shape, axis] = [s.sizes(3), s.size(0, 2)];
  return b.gather(s.x(shape), s.indices(s.sizes(s.size(1, 2)), shape[axis]!), axis);
}

function gatherElements(s: Sampler): Value {
  const [shape, axis] = [s.sizes(3), s.size(0, 2)];
  const wanted = shape.map((d, i) => (i === axis ? s.size() : d));
  return b.gatherElements(s.x(shape), s.indices(wanted, shape[axis]!), axis);
}

const reduction =
  (f: typeof b.sum): OpSample =>
  (s) => {
    const axes = [0, 1, 2].filter(() => s.coin());
    return f(s.x(s.sizes(3)), axes.length > 0 ? axes : undefined, s.coin());
  };

const rowsOf = (s: Sampler): number[] => [...s.sizes(s.size(1, 2)), s.size(2, 5)];

export const opSamples: { readonly [O in Op]: OpSample } = {
  input: (s) => s.x(s.sizes(2)),
  // A backend binds parameters by name; as a sample an input does the same.
  parameter: (s) => s.x(s.sizes(2)),
  constant: (s) => b.full(1.5, s.dtype, s.sizes(2)),
  neg: unary(b.neg),
  abs: unary(b.abs),
  sign: unary(b.sign),
  exp: unary(b.exp),
  log: positive(b.log),
  sqrt: positive(b.sqrt),
  rsqrt: positive(b.rsqrt),
  reciprocal: positive(b.reciprocal),
  sin: unary(b.sin),
  cos: unary(b.cos),
  tanh: unary(b.tanh),
  sigmoid: unary(b.sigmoid),
  erf: unary(b.erf),
  floor: unary(b.floor),
  relu: unary(b.relu),
  silu: unary(b.silu),
  gelu: unary(b.gelu),
  geluTanh: unary(b.geluTanh),
  quickGelu: unary(b.quickGelu),
  softplus: unary(b.softplus),
  logicalNot: (s) => b.logicalNot(s.flags(s.sizes(2))),
  stopGradient: unary(b.stopGradient),
  leakyRelu: unary((x) => b.leakyRelu(x, 0.2)),
  elu: unary((x) => b.elu(x, 0.7)),
  clamp: unary((x) => b.clamp(x, -0.5, 0.8)),
  cast: unary((x) => b.cast(x, 'f32')),
  add: binary(b.add),
  sub: binary(b.sub),
  mul: binary(b.mul),
  div: (s) => {
    const [p, q] = broadcastPair(s);
    return b.div(s.x(p), s.positive(q));
  },
  pow: (s) => {
    const [p, q] = broadcastPair(s);
    return b.pow(s.positive(p), [s.x(q), 2, 3, 1, -0.5][s.size(0, 4)]!);
  },
  maximum: binary(b.maximum),
  minimum: binary(b.minimum),
  equal: (s) => b.equal(s.indices([3, 1], 3), s.indices([1, 4], 3)),
  greater: binary(b.greater),
  less: binary(b.less),
  greaterEqual: binary(b.greaterEqual),
  lessEqual: binary(b.lessEqual),
  logicalAnd: flags(b.logicalAnd),
  logicalOr: flags(b.logicalOr),
  where: (s) => {
    const [p, q] = broadcastPair(s);
    return b.where(s.flags(p), s.x(q), s.coin() ? s.x(p) : 0.25);
  },
  matmul: (s) => {
    const [m, k, n, batch] = s.sizes(4) as [number, number, number, number];
    const left = [[], [batch], [2, batch], [2, 1]][s.size(0, 3)]!;
    const right = [[], [batch], [1]][s.size(0, 2)]!;
    return b.matmul(s.x([...left, m, k]), s.x([...right, k, n]));
  },
  linear: (s) => {
    const [inputs, outputs] = [s.size(), s.size()];
    const x = s.x([...s.sizes(s.size(1, 3)), inputs]);
    return b.linear(x, s.x([outputs, inputs]), s.coin() ? s.x([outputs]) : undefined);
  },
  conv2d: (s) => (s.uniform() < 0.25 ? pointwiseConvolution(s) : convolution(s)),
  convTranspose2d: transposedConvolution,
  conv2dWeightGrad: (s) => {
    const forward = convolution(s) as Value<'conv2d'>;
    const [, , kh, kw] = forward.inputs[1]!.shape as number[];
    const g = s.x(forward.shape as number[]);
    return b.conv2dWeightGrad(forward.inputs[0]!, g, { ...forward.attrs, kernel: [kh!, kw!] });
  },
  attention,
  groupNorm: (s) => {
    const [groups, each] = [s.size(1, 3), s.size(1, 2)];
    const c = groups * each;
    const x = s.x([s.size(1, 2), c, s.size(2, 3), ...s.sizes(s.size(0, 1))]);
    return b.groupNorm(x, s.x([c]), s.x([c]), groups, 1e-3);
  },
  layerNorm: (s) => {
    const shape = rowsOf(s);
    return b.layerNorm(s.x(shape), s.x([shape.at(-1)!]), s.x([shape.at(-1)!]), 1e-3);
  },
  rmsNorm: (s) => {
    const shape = rowsOf(s);
    return b.rmsNorm(s.x(shape), s.x([shape.at(-1)!]), 1e-3);
  },
  softmax: (s) => b.softmax(s.x(s.sizes(3)), s.size(0, 2)),
  logSoftmax: (s) => b.logSoftmax(s.x(s.sizes(3)), s.size(0, 2)),
  avgPool2d: (s) => make('avgPool2d', [picture(s)], poolAttrs(s)),
  maxPool2d: (s) => make('maxPool2d', [picture(s)], poolAttrs(s)),
  avgPool2dGrad: (s) => pooledGradient(s, 'avgPool2d'),
  maxPool2dGrad: (s) => pooledGradient(s, 'maxPool2d'),
  resizeNearest: (s) => b.resizeNearest(picture(s), [s.size(1, 3), s.size(1, 3)]),
  resizeBilinear: (s) => b.resizeBilinear(picture(s), [s.size(1, 9), s.size(1, 9)], s.coin()),
  reshape: (s) => {
    const [n, h, w] = s.sizes(3) as [number, number, number];
    return b.reshape(s.x([n, h, w]), [n * h, 1, w]);
  },
  transpose,
  expand: (s) => {
    const [n, h, w] = s.sizes(3) as [number, number, number];
    return b.expand(s.x(s.coin() ? [1, w] : [n, 1, w]), [n, h, w]);
  },
  slice,
  flip: (s) =>
    b.flip(
      s.x(s.sizes(3)),
      [0, 1, 2].filter(() => s.coin()),
    ),
  concat,
  after: (s) => b.after(s.x(s.sizes(3)), s.x(s.sizes(2))),
  pad,
  gather,
  gatherGrad: (s) => {
    const forward = gather(s) as Value<'gather'>;
    const { axis } = forward.attrs;
    const [data, indices] = forward.inputs as [Value, Value];
    return make('gatherGrad', [indices, s.x(forward.shape as number[])], { axis, size: data.shape[axis]! });
  },
  gatherElements,
  gatherElementsGrad: (s) => {
    const forward = gatherElements(s) as Value<'gatherElements'>;
    const [data, indices] = forward.inputs as [Value, Value];
    const updates = s.x(forward.shape as number[]);
    return make('gatherElementsGrad', [indices, updates], { axis: forward.attrs.axis, shape: data.shape });
  },
  sum: reduction(b.sum),
  mean: reduction(b.mean),
  max: reduction(b.max),
  min: reduction(b.min),
  argMax: (s) => b.argMax(s.x(s.sizes(3)), s.size(0, 2), s.coin()),
};
