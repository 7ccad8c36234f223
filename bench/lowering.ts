/**
 * Forms that one operation can be lowered to, against each other on this machine's CPU. The first of each group is the
 * one that src/onnx emits. Prints the CPU time of a run (one thread, so that other load on the machine hardly counts)
 * and its ratio to the first, and the largest difference relative to the largest value.
 *
 * Run: npx tsx bench/lowering.ts [part of a group's name]
 */

import * as ort from 'onnxruntime-node';
import { type HostTensor, i64, sizeOf, tensor } from '#core/tensor';
import { encodeModel } from '#formats/onnx-proto';
import * as b from '#graph/build';
import { input, parameter } from '#graph/build';
import type { Dim } from '#graph/dim';
import { closeGraph, make, type Value } from '#graph/value';
import { float, ModelBuilder } from '#onnx/builder';
import { lowerGraph } from '#onnx/lower';
import { relativeError } from '../test/goldens/autograd-cases.ts';

type Names = Readonly<Record<string, string>>;

interface Form {
  readonly name: string;
  /** Emits nodes; `names` are the model's inputs. */
  readonly emit: (m: ModelBuilder, names: Names) => string;
}

interface Group {
  readonly name: string;
  readonly inputs: Readonly<Record<string, HostTensor>>;
  /** Inputs that a session knows when it is built, as inference weights are. */
  readonly constants?: readonly string[];
  /** What src/onnx emits, as a graph over the inputs. */
  readonly chosen: (values: Readonly<Record<string, Value>>) => Value;
  readonly memoryBudget?: number;
  readonly others: readonly Form[];
}

let state = 1;
function noise(...shape: number[]): HostTensor<'f32'> {
  const next = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  };
  return tensor('f32', shape, Float32Array.from({ length: sizeOf(shape) }, next));
}

/** Picture side for every group, and channels. */
const [N, C, S] = [2, 320, 64];
const ungrouped = { stride: [1, 1], padding: [1, 1, 1, 1], dilation: [1, 1], groups: 1 } as const;

const tapStarts = [0, 1, 2].flatMap((i) => [0, 1, 2].map((j) => [i, j] as const));

/** The nine views of a padded [a, b, s, s] picture that a 3x3 kernel sees. */
function taps(m: ModelBuilder, x: string, side: number): string[] {
  const padded = m.node('Pad', [x, m.ints([0, 0, 1, 1, 0, 0, 1, 1])]);
  return tapStarts.map(([i, j]) =>
    m.node('Slice', [padded, m.ints([i, j]), m.ints([i + side, j + side]), m.ints([2, 3])]),
  );
}

function weightGradient(n: number, c: number, k: number, side: number): Group {
  const positions = n * side * side;
  const channelsFirst = (m: ModelBuilder, x: string): string => m.node('Transpose', [x], { perm: [1, 0, 2, 3] });
  return {
    name: `gradient of a 3x3 weight, [${n}, ${c}, ${side}, ${side}] to ${k} channels`,
    inputs: { x: noise(n, c, side, side), g: noise(n, k, side, side) },
    chosen: ({ x, g }) => b.conv2dWeightGrad(x!, g!, { ...ungrouped, kernel: [3, 3] }),
    others: [
      {
        name: 'one Gemm a tap, taps brought last by Transpose',
        emit: (m, { x, g }) => {
          const rows = m.reshape(channelsFirst(m, g!), [k, positions]);
          const products = taps(m, channelsFirst(m, x!), side).map((t) =>
            m.reshape(m.node('Gemm', [rows, m.reshape(t, [c, positions])], { transB: 1 }), [1, k * c]),
          );
          const stacked = m.node('Concat', products, { axis: 0 });
          return m.reshape(m.node('Transpose', [stacked], { perm: [1, 0] }), [k, c, 3, 3]);
        },
      },
      {
        name: 'im2col, one Gemm',
        emit: (m, { x, g }) => {
          const views = taps(m, channelsFirst(m, x!), side).map((t) => m.reshape(t, [c, 1, positions]));
          const columns = m.reshape(m.node('Concat', views, { axis: 1 }), [9 * c, positions]);
          const rows = m.reshape(channelsFirst(m, g!), [k, positions]);
          return m.reshape(m.node('Gemm', [rows, columns], { transB: 1 }), [k, c, 3, 3]);
        },
      },
      {
        name: 'im2col, one product a picture',
        emit: (m, { x, g }) => {
          const columns = m.reshape(m.node('Concat', taps(m, x!, side), { axis: 1 }), [n, 9 * c, side * side]);
          const rows = m.reshape(g!, [n, k, side * side]);
          const products = m.fused('FusedMatMul', [rows, columns], { transB: 1 });
          const total = m.reshape(m.node('ReduceSum', [products, m.ints([0])], { keepdims: 0 }), [k, 9, c]);
          return m.reshape(m.node('Transpose', [total], { perm: [0, 2, 1] }), [k, c, 3, 3]);
        },
      },
    ],
  };
}

function scaledWeight(channels: number): Group {
  return {
    name: `a number times a 1x1 weight, [${channels}, ${channels}, 1, 1]`,
    inputs: { w: noise(channels, channels, 1, 1), rate: tensor('f32', [], Float32Array.of(0.5)) },
    chosen: ({ w, rate }) => b.mul(w!, rate!),
    others: [{ name: 'Mul, trailing ones kept', emit: (m, { w, rate }) => m.node('Mul', [w!, rate!]) }],
  };
}

function winograd(n: number, c: number, k: number, side: number): Group {
  return {
    name: `3x3 convolution by Winograd, [${n}, ${c}, ${side}, ${side}] to ${k} channels`,
    inputs: { x: noise(n, c, side, side), w: noise(k, c, 3, 3) },
    constants: ['w'],
    chosen: ({ x, w }) => b.conv2d(x!, w!, undefined, { padding: 1 }),
    memoryBudget: Number.MAX_SAFE_INTEGER,
    others: [{ name: 'Conv', emit: (m, { x, w }) => m.node('Conv', [x!, w!], { pads: [1, 1, 1, 1] }) }],
  };
}

function linear(rows: number, width: number, out: number, constants: readonly string[]): Group {
  return {
    name: `linear layer, ${constants.length ? 'constant' : 'fed'} weight, [${N}, ${rows}, ${width}] to ${out}`,
    inputs: { x: noise(N, rows, width), w: noise(out, width), bias: noise(out) },
    constants,
    chosen: ({ x, w, bias }) => b.linear(x!, w!, bias),
    others: [
      {
        name: 'Reshape, Gemm, Reshape',
        emit: (m, { x, w, bias }) => {
          const flat = m.node('Gemm', [m.reshape(x!, [N * rows, width]), w!, bias!], { transB: 1 });
          return m.reshape(flat, [N, rows, out]);
        },
      },
    ],
  };
}

function inputGradient(stride: 1 | 2, n: number, c: number, side: number): Group {
  const attrs = { ...ungrouped, stride: [stride, stride], outputPadding: [stride - 1, stride - 1] } as const;
  const transposed: Form = {
    name: 'ConvTranspose',
    emit: (m, { g, w }) =>
      m.node('ConvTranspose', [g!, w!], {
        strides: attrs.stride,
        pads: attrs.padding,
        output_padding: attrs.outputPadding,
      }),
  };
  const sliced: Form = {
    name: 'Conv, kernel reversed by Slice',
    emit: (m, { g, w }) => {
      const kernel = m.flip(m.node('Transpose', [w!], { perm: [1, 0, 2, 3] }), [2, 3]);
      return m.node('Conv', [g!, kernel], { pads: [1, 1, 1, 1] });
    },
  };
  const zeroInserted: Form = {
    name: 'zeros inserted, Conv',
    emit: (m, { g, w }) => {
      const spread = m.node('Pad', [
        m.reshape(g!, [n, c, side, 1, side, 1]),
        m.ints([0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1]),
      ]);
      const kernel = m.flip(m.node('Transpose', [w!], { perm: [1, 0, 2, 3] }), [2, 3]);
      return m.node('Conv', [m.reshape(spread, [n, c, 2 * side, 2 * side]), kernel], { pads: [1, 1, 1, 1] });
    },
  };
  return {
    name: `input gradient of a 3x3 convolution, stride ${stride}, [${n}, ${c}, ${side}, ${side}]`,
    inputs: { g: noise(n, c, side, side), w: noise(c, c, 3, 3) },
    chosen: ({ g, w }) => make('convTranspose2d', [g!, w!], attrs),
    others: stride === 1 ? [transposed, sliced] : [zeroInserted],
  };
}

function groupNormalisation(): Group {
  const affine = ['w', 'bias'];
  return {
    name: `group normalisation, [${N}, ${C}, ${S}, ${S}], 32 groups`,
    inputs: { x: noise(N, C, S, S), w: noise(C), bias: noise(C) },
    constants: affine,
    chosen: ({ x, w, bias }) => b.groupNorm(x!, w!, bias!, 32),
    others: [
      {
        name: 'GroupNormalization',
        emit: (m, { x, w, bias }) =>
          m.node('GroupNormalization', [x!, w!, bias!], { num_groups: 32, epsilon: float(1e-5) }),
      },
    ],
  };
}

function rmsNormalisation(): Group {
  return {
    name: 'RMS normalisation, [2, 4096, 320]',
    inputs: { x: noise(N, 4096, 320), w: noise(320) },
    constants: ['w'],
    chosen: ({ x, w }) => b.rmsNorm(x!, w!),
    others: [
      {
        name: 'Mul, ReduceMean, Sqrt, Div, Mul',
        emit: (m, { x, w }) => {
          const squares = m.node('ReduceMean', [m.node('Mul', [x!, x!]), m.ints([-1])], { keepdims: 1 });
          const root = m.node('Sqrt', [m.node('Add', [squares, m.filled('f32', 1e-6)])]);
          return m.node('Mul', [m.node('Div', [x!, root]), w!]);
        },
      },
    ],
  };
}

function pooledGradient(): Group {
  const pooled = { kernel: [2, 2], stride: [2, 2], padding: [0, 0, 0, 0] } as const;
  return {
    name: 'gradient of average pooling by 2, [16, 64, 32, 32]',
    inputs: { g: noise(16, 64, 16, 16) },
    chosen: ({ g }) => make('avgPool2dGrad', [g!], { ...pooled, size: [32, 32] }),
    others: [
      {
        name: 'ConvTranspose, plane by plane',
        emit: (m, { g }) => {
          const kernel = m.filled('f32', 0.25, [1, 1, 2, 2]);
          const planes = m.node('ConvTranspose', [m.reshape(g!, [1024, 1, 16, 16]), kernel], { strides: [2, 2] });
          return m.reshape(planes, [16, 64, 32, 32]);
        },
      },
    ],
  };
}

function upsampling(): Group {
  return {
    name: `nearest upsampling by 2, [${N}, ${C}, ${S}, ${S}]`,
    inputs: { x: noise(N, C, S, S) },
    chosen: ({ x }) => b.resizeNearest(x!, 2),
    others: [
      {
        name: 'Reshape, Expand, Reshape',
        emit: (m, { x }) => {
          const wide = m.node('Expand', [m.reshape(x!, [N * C, S, 1, S, 1]), m.ints([N * C, S, 2, S, 2])]);
          return m.reshape(wide, [N, C, 2 * S, 2 * S]);
        },
      },
      {
        name: 'Gather, Gather',
        emit: (m, { x }) => {
          const indices = m.ints(Array.from({ length: 2 * S }, (_, i) => i >> 1));
          return m.node('Gather', [m.node('Gather', [x!, indices], { axis: 3 }), indices], { axis: 2 });
        },
      },
    ],
  };
}

function attention(tokens: number): Group {
  const [heads, width] = [8, 40];
  const split = (m: ModelBuilder, x: string, perm: readonly number[]): string =>
    m.node('Transpose', [m.reshape(x, [N, tokens, heads, width])], { perm });
  return {
    name: `attention, ${tokens} tokens, ${heads} heads of ${width}`,
    inputs: { q: noise(N, tokens, 320), k: noise(N, tokens, 320), v: noise(N, tokens, 320) },
    chosen: ({ q, k, v }) => b.attention(q!, k!, v!, { heads }),
    others: [
      {
        name: 'MatMul, Softmax, MatMul',
        emit: (m, { q, k, v }) => {
          const logits = m.node('MatMul', [split(m, q!, [0, 2, 1, 3]), split(m, k!, [0, 2, 3, 1])]);
          const scaled = m.node('Mul', [logits, m.filled('f32', 1 / Math.sqrt(width))]);
          const mixed = m.node('MatMul', [m.node('Softmax', [scaled], { axis: -1 }), split(m, v!, [0, 2, 1, 3])]);
          return m.reshape(m.node('Transpose', [mixed], { perm: [0, 2, 1, 3] }), [N, tokens, heads * width]);
        },
      },
    ],
  };
}

function tableGradient(): Group {
  const [rows, width, count] = [2000, 256, 1232];
  const ids = i64(
    [count],
    Array.from({ length: count }, (_, i) => (i * 7919) % 300),
  );
  return {
    name: `gradient of an embedding, ${count} ids, ${rows} rows of ${width}`,
    inputs: { ids, g: noise(count, width) },
    chosen: ({ ids: index, g }) => make('gatherGrad', [index!, g!], { axis: 0, size: rows }),
    others: [
      {
        name: 'OneHot, Gemm',
        emit: (m, { ids: index, g }) => {
          const hot = m.node('OneHot', [index!, m.ints([rows]), m.floats([0, 1])], { axis: -1 });
          return m.node('Gemm', [hot, g!], { transA: 1 });
        },
      },
      {
        name: 'ScatterND (races)',
        emit: (m, { ids: index, g }) => {
          const zeros = m.node('ConstantOfShape', [m.ints([rows, width])]);
          return m.node('ScatterND', [zeros, m.reshape(index!, [count, 1]), g!], { reduction: 'add' });
        },
      },
    ],
  };
}

const groups: readonly Group[] = [
  linear(4096, 320, 320, ['w', 'bias']),
  linear(4096, 320, 320, []),
  linear(256, 1280, 1280, ['w', 'bias']),
  groupNormalisation(),
  rmsNormalisation(),
  upsampling(),
  pooledGradient(),
  attention(1024),
  attention(4096),
  winograd(2, 320, 320, 64),
  winograd(2, 640, 640, 32),
  winograd(2, 1280, 1280, 16),
  winograd(2, 960, 320, 64),
  winograd(16, 192, 192, 16),
  inputGradient(1, 16, 96, 32),
  inputGradient(1, 8, 256, 8),
  inputGradient(2, 16, 96, 16),
  weightGradient(16, 96, 96, 32),
  weightGradient(16, 192, 192, 16),
  weightGradient(16, 448, 192, 8),
  weightGradient(8, 256, 256, 4),
  tableGradient(),
  scaledWeight(256),
];

const onnxType = { f32: 1, i64: 7 } as Readonly<Record<string, number>>;
const ortType = { f32: 'float32', i64: 'int64' } as const;

function formModel(group: Group, form: Form): Uint8Array {
  const m = new ModelBuilder();
  const fed = Object.entries(group.inputs).filter(([name]) => !group.constants?.includes(name));
  const names = Object.fromEntries(fed.map(([name]) => [name, m.claim(name)]));
  for (const name of group.constants ?? []) names[name] = m.constant(group.inputs[name]!);
  m.nameOutputs([{ from: form.emit(m, names), name: m.claim('y') }]);
  const opsets = [
    { domain: '', version: 21 },
    { domain: 'com.microsoft', version: 1 },
  ];
  const info = (name: string, dtype: string, shape: readonly Dim[]) => ({
    name,
    dataType: onnxType[dtype]!,
    shape: shape as number[],
  });
  const shape = group.chosen(leaves(group)).shape;
  const inputs = fed.map(([name, t]) => info(name, t.dtype, t.shape));
  const graph = {
    name: form.name,
    nodes: m.nodes,
    initializers: m.initializers,
    inputs,
    outputs: [info('y', 'f32', shape)],
  };
  return encodeModel({ irVersion: 10, producerName: 'darkroom bench', opsets, graph });
}

function leaves({ inputs, constants }: Group): Record<string, Value> {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, t]) => [
      name,
      constants?.includes(name) ? parameter(name, t.shape) : input(name, t.dtype, t.shape),
    ]),
  );
}

function chosenModel(group: Group): Uint8Array {
  const graph = closeGraph('chosen', { y: group.chosen(leaves(group)) });
  // Bytes inside the model, as the other forms have them.
  const get = (name: string) => ({ kind: 'memory', tensor: group.inputs[name]! }) as const;
  const lowered = lowerGraph(graph, { weights: { get }, memoryBudget: group.memoryBudget ?? 0 });
  const held = new Map(lowered.externalBytes.map((e) => [e.location, e.bytes]));
  const initializers = lowered.model.graph.initializers.map(({ external, ...t }) =>
    external ? { ...t, rawData: held.get(external.location)! } : t,
  );
  return encodeModel({ ...lowered.model, graph: { ...lowered.model.graph, initializers } });
}

interface Contender {
  readonly name: string;
  readonly run: () => Promise<ArrayLike<number>>;
  best: number;
  result: ArrayLike<number>;
}

async function contender(name: string, model: Uint8Array, group: Group): Promise<Contender> {
  const extra = { session: { intra_op: { allow_spinning: '0' } } };
  const session = await ort.InferenceSession.create(model, { intraOpNumThreads: 1, logSeverityLevel: 3, extra });
  const fed = Object.entries(group.inputs).filter(([n]) => session.inputNames.includes(n));
  const feeds = Object.fromEntries(
    fed.map(([n, t]) => [n, new ort.Tensor(ortType[t.dtype as 'f32'], t.data as Float32Array, t.shape)]),
  );
  const run = async (): Promise<ArrayLike<number>> => (await session.run(feeds)).y!.data as Float32Array;
  return { name, run, best: Number.POSITIVE_INFINITY, result: await run() };
}

async function compare(group: Group, rounds: number): Promise<void> {
  const models = [
    { name: 'chosen', model: chosenModel(group) },
    ...group.others.map((form) => ({ name: form.name, model: formModel(group, form) })),
  ];
  const contenders: Contender[] = [];
  for (const { name, model } of models) contenders.push(await contender(name, model, group));
  for (let round = 0; round < rounds; round++) {
    for (const c of contenders) {
      const before = process.cpuUsage();
      await c.run();
      const { user, system } = process.cpuUsage(before);
      c.best = Math.min(c.best, (user + system) / 1000);
    }
  }
  const first = contenders[0]!;
  console.log(group.name);
  for (const { name, best, result } of contenders) {
    const error = relativeError(result, first.result);
    const ratio = (best / first.best).toFixed(2);
    console.log(
      `  ${name.padEnd(32)} ${best.toFixed(2).padStart(9)} ms  x${ratio}  difference ${error.toExponential(0)}`,
    );
  }
}

const wanted = process.argv[2] ?? '';
for (const group of groups.filter((g) => g.name.includes(wanted))) await compare(group, 7);
