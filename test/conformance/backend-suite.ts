/**
 * What every backend must compute: each operation with random shapes and its gradients, the golden autograd rows, and
 * a small conditional U-Net with the gradients of all its parameters. The reference interpreter in float64 says what
 * is right; the golden rows bring PyTorch's own numbers.
 */

import { readFileSync } from 'node:fs';
import { isFloat } from '#core/dtype';
import { type HostTensor, sizeOf, tensor } from '#core/tensor';
import type { Backend } from '#engine/backend';
import {
  attention,
  constant,
  conv2d,
  cos,
  groupNorm,
  input,
  linear,
  matmul,
  mul,
  silu,
  sin,
  sum,
  transpose,
} from '#graph/build';
import { type Dim, mulDims, symbol } from '#graph/dim';
import { grad } from '#graph/gradient';
import { fillHost } from '#graph/host';
import { interpret } from '#graph/interpret';
import type { Op } from '#graph/ops';
import { closeGraph, type Graph, type Value } from '#graph/value';
import { initialValue } from '#models/nn/init';
import { Scope } from '#models/nn/scope';
import type { UNetConfig } from '#models/unet/config';
import { unet } from '#models/unet/network';
import { type AutogradRow, autogradCase, relativeError } from '../goldens/autograd-cases.ts';
import { opSamples, Sampler } from '../graph/op-samples.ts';

export interface ConformanceCase {
  readonly name: string;
  /** The operation that the case is about, if it is about one. */
  readonly op?: Op;
  /** Factor on the tolerance: gradients that nearly cancel through many layers magnify rounding, other cases need more. */
  readonly conditioning: number;
  readonly graph: Graph;
  readonly feeds: Readonly<Record<string, HostTensor>>;
  /** Right outputs; computed on demand, because the interpreter is slow. */
  expected(): Expected;
}

type Expected = Readonly<Record<string, { readonly shape: readonly number[]; readonly data: ArrayLike<number> }>>;

/** One output's largest difference over its largest magnitude; infinite for a wrong shape. */
export type CaseErrors = Readonly<Record<string, number>>;

export async function runCase(backend: Backend, { graph, feeds, expected }: ConformanceCase): Promise<CaseErrors> {
  const session = await backend.compile(graph);
  const results = await session.run(feeds);
  await session.dispose();
  return Object.fromEntries(
    Object.entries(expected()).map(([name, right]) => {
      const got = results[name];
      const fits = got !== undefined && String(got.shape) === String(right.shape);
      return [name, fits ? relativeError(Array.from(got.data, Number), Array.from(right.data, Number)) : Infinity];
    }),
  );
}

/** A value and the gradients of a random weighted sum of it. */
function withGradients(s: Sampler, v: Value): Record<string, Value> {
  // maxPool2dGrad is a gradient itself and refuses another.
  if (!isFloat(v.dtype) || s.floats.length === 0 || v.op === 'maxPool2dGrad') return { output: v };
  const shape = v.shape as number[];
  const weights = fillHost('f32', sizeOf(shape), () => s.normal());
  const loss = sum(mul(v, constant(tensor('f32', shape, weights))));
  const gradients = grad(loss, s.floats);
  return { output: v, ...Object.fromEntries(gradients.map((g, i) => [`gradient.${s.floats[i]!.attrs.name}`, g])) };
}

function opCase(op: Op, seed: number): ConformanceCase {
  const s = new Sampler(seed, 'f32');
  const graph = closeGraph(op, withGradients(s, opSamples[op](s)));
  return {
    name: `${op}, sample ${seed}`,
    op,
    conditioning: 1,
    graph,
    feeds: s.feeds,
    expected: () => interpret(graph, s.feeds, { precision: 'f64' }) as Expected,
  };
}

function goldenCases(): ConformanceCase[] {
  const file = new URL('../goldens/data/numeric/training.json', import.meta.url);
  const rows = (JSON.parse(readFileSync(file, 'utf8')) as { autograd: AutogradRow[] }).autograd;
  return rows.map((row) => {
    const { graph, feeds, expected } = autogradCase(row, 'f32');
    return { name: `golden ${row.op}`, conditioning: 1, graph, feeds, expected: () => expected };
  });
}

const tinyUNet: UNetConfig = {
  inChannels: 4,
  outChannels: 4,
  blockChannels: [8, 16],
  layersPerBlock: 1,
  transformerDepth: [1, 0],
  midTransformerDepth: 1,
  heads: [2, 2],
  contextWidth: 12,
  linearProjection: false,
  normGroups: 4,
};

const sizes = { batch: 2, gridHeight: 2, gridWidth: 3, tokens: 5 };

/** The U-Net and the gradient of every parameter, all sizes open or all fixed. */
function unetGraph(open: boolean): Graph {
  const dim = (name: keyof typeof sizes): Dim => (open ? symbol(name) : sizes[name]);
  const [height, width] = [mulDims(dim('gridHeight'), 2), mulDims(dim('gridWidth'), 2)];
  const prediction = unet(new Scope('unet'), tinyUNet, {
    sample: input('sample', 'f32', [dim('batch'), tinyUNet.inChannels, height, width]),
    timestep: input('timestep', 'f32', [dim('batch')]),
    context: input('context', 'f32', [dim('batch'), dim('tokens'), tinyUNet.contextWidth]),
  });
  const { parameters } = closeGraph('unet', { prediction });
  const gradients = grad(sum(mul(prediction, prediction)), parameters);
  const named = gradients.map((g, i) => [`gradient.${parameters[i]!.attrs.name}`, g]);
  return closeGraph('unet', { prediction, ...Object.fromEntries(named) });
}

function unetCases(forms: readonly ('fixed' | 'open')[]): ConformanceCase[] {
  const s = new Sampler(7, 'f32');
  const fixed = unetGraph(false);
  // Every parameter is random: layers that start at zero would hide what lies behind them.
  const spread = (v: Value): number => (v.op === 'parameter' ? 0.3 : v.shape.length === 1 ? 300 : 1);
  const feeds = Object.fromEntries(
    [...fixed.inputs, ...fixed.parameters].map((v) => [
      v.attrs.name,
      initialValue(v.shape as number[], { kind: 'normal', std: spread(v) }, s),
    ]),
  );
  let known: Expected | undefined;
  const expected = (): Expected => {
    known ??= interpret(fixed, feeds, { precision: 'f64' }) as Expected;
    return known;
  };
  // A bias in front of a group normalisation has a gradient near zero, the difference of large sums.
  return forms.map((form) => ({
    name: `small U-Net with gradients, ${form} sizes`,
    conditioning: 10,
    graph: form === 'open' ? unetGraph(true) : fixed,
    feeds,
    expected,
  }));
}

/** Attention at the sizes of real networks: kernels may be right for a few tokens and wrong for many. */
function attentionCases(): ConformanceCase[] {
  const s = new Sampler(11, 'f32');
  const tokens = (name: string, count: number): Value => {
    const shape = [2, count, 320];
    s.feeds[name] = tensor(
      'f32',
      shape,
      fillHost('f32', sizeOf(shape), () => s.normal()),
    );
    return input(name, 'f32', shape);
  };
  const [queries, context, padded] = [tokens('queries', 64), tokens('context', 77), tokens('padded', 154)];
  const graphs = {
    'over a prompt': attention(queries, context, context, { heads: 8 }),
    'over a long prompt': attention(queries, padded, padded, { heads: 8 }),
    'over itself': attention(padded, padded, padded, { heads: 8 }),
    'over what came before': attention(context, context, context, { heads: 5, causal: true }),
    'of one head, as in an autoencoder': attention(padded, padded, padded, { heads: 1 }),
  };
  return Object.entries(graphs).map(([name, y]): ConformanceCase => {
    const graph = closeGraph('attention', { y });
    const feeds = Object.fromEntries(graph.inputs.map((v) => [v.attrs.name, s.feeds[v.attrs.name]!]));
    const expected = (): Expected => interpret(graph, feeds, { precision: 'f64' }) as Expected;
    return { name: `attention ${name}`, op: 'attention', conditioning: 1, graph, feeds, expected };
  });
}

/** Products at sizes where kernels take other forms than for a few numbers: tiles with borders, long sums, few rows. */
function productCases(): ConformanceCase[] {
  const s = new Sampler(13, 'f32');
  const [row, rows, many] = [s.x([2, 200]), s.x([70, 52]), s.x([1, 130, 600])];
  const [picture, wide] = [s.x([2, 20, 12, 12]), s.x([1, 6, 40, 40])];
  const graphs: Readonly<Record<string, Value>> = {
    'linear of few rows': linear(row, s.x([45, 200]), s.x([45])),
    'linear with borders': silu(linear(rows, s.x([66, 52]), s.x([66]))),
    'matmul of transposes': matmul(transpose(rows, [1, 0]), s.x([70, 33])),
    'matmul with a long sum': matmul(many, s.x([600, 40])),
    'convolution of channels': conv2d(picture, s.x([36, 20, 3, 3]), s.x([36]), { padding: 1 }),
    'convolution with stride': conv2d(picture, s.x([24, 20, 3, 3]), s.x([24]), { stride: 2, padding: 1 }),
    'convolution to few channels': conv2d(wide, s.x([3, 6, 3, 3]), s.x([3]), { padding: 1 }),
    'sum of a large tensor': sum(mul(s.x([50_000]), 0.01)),
    'group norm of large groups': groupNorm(s.x([1, 4, 210, 210]), s.x([4]), s.x([4]), 2),
  };
  return Object.entries(graphs).map(([name, y]): ConformanceCase => {
    const graph = closeGraph('product', { y });
    const feeds = Object.fromEntries(graph.inputs.map((v) => [v.attrs.name, s.feeds[v.attrs.name]!]));
    const expected = (): Expected => interpret(graph, feeds, { precision: 'f64' }) as Expected;
    return { name, conditioning: 1, graph, feeds, expected };
  });
}

/**
 * Timesteps are whole turns away from where a shading language's own sine is promised to be right, and what is wrong in
 * their embedding a whole network magnifies.
 */
function circularCase(): ConformanceCase {
  const angles = input('angles', 'f32', [1200]);
  const graph = closeGraph('circular', { sine: sin(angles), cosine: cos(angles) });
  const feeds = {
    angles: tensor(
      'f32',
      [1200],
      fillHost('f32', 1200, (i) => (i - 200) * 0.9993),
    ),
  };
  const expected = (): Expected => interpret(graph, feeds, { precision: 'f64' }) as Expected;
  return { name: 'sine and cosine of timesteps', conditioning: 0.01, graph, feeds, expected };
}

/**
 * All cases; `seeds` are the random samples of each operation. `whole`: also PyTorch's own rows and the U-Net in every
 * form, for kernels and lowerings of ours; shaders of others are held to the interpreter, which is held to the rows.
 */
export function conformanceCases(seeds: readonly number[], { whole = true } = {}): ConformanceCase[] {
  const ops = Object.keys(opSamples) as Op[];
  return [
    ...ops.flatMap((op) => seeds.map((seed) => opCase(op, seed))),
    ...(whole ? goldenCases() : []),
    ...attentionCases(),
    ...productCases(),
    circularCase(),
    ...unetCases(whole ? ['fixed', 'open'] : ['open']),
  ];
}
