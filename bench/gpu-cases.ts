/** Graphs of the sizes that users draw at, with made-up weights. */

import { f32, type HostTensor, i64, sizeOf } from '#core/tensor';
import type { Feeds, WeightSource } from '#engine/backend';
import { input } from '#graph/build';
import { evaluateDim } from '#graph/dim';
import { closeGraph, type Graph, topological } from '#graph/value';
import { moduleOf, withSideBranches } from '#models/adapters/side-branch';
import { Scope } from '#models/nn/scope';
import { sd1UNet, sdxlUNet, type UNetConfig } from '#models/unet/config';
import { unet, unetScope } from '#models/unet/network';
import { klF8 } from '#models/vae/config';
import { vaeDecoderGraph } from '#models/vae/network';

export interface GpuCase {
  /** As it is asked for, here and of the peer. */
  readonly name: string;
  readonly title: string;
  readonly graph: Graph;
  readonly output: string;
  /** Whether the product runs it in halves where the device has them. */
  readonly half: boolean;
  readonly unchanged?: ReadonlySet<string>;
}

/** Batch 2, as guidance takes. */
function step(config: UNetConfig, side: number): Graph {
  const { inChannels, contextWidth, vectorWidth } = config;
  const prediction = unet(new Scope(unetScope), config, {
    sample: input('sample', 'f32', [2, inChannels, side / 8, side / 8]),
    timestep: input('timestep', 'f32', [2]),
    context: input('context', 'f32', [2, 77, contextWidth]),
    vector: vectorWidth === undefined ? undefined : input('vector', 'f32', [2, vectorWidth]),
  });
  return closeGraph('unet', { prediction });
}

/** Of this rank when it is run. */
const LORA_RANK = 16;

function withLora(graph: Graph): Graph {
  const modules = topological(Object.values(graph.outputs)).flatMap((v) => moduleOf(v) ?? []);
  return withSideBranches(graph, new Set(modules.filter((name) => /\.attn\d\.|\.ff\./.test(name))));
}

function stepCase(name: string, title: string, graph: Graph): GpuCase {
  const lora = graph.inputs.map(({ attrs }) => attrs.name).filter((leaf) => /\.lora_(down|up)$/.test(leaf));
  return { name, title, graph, output: 'prediction', half: true, unchanged: new Set(lora) };
}

/** `rehearsal`: the same networks with a tenth of the width and pictures of 64x64, for machines without a card. */
export function gpuCases(rehearsal: boolean): GpuCase[] {
  const narrow = (config: UNetConfig): UNetConfig =>
    rehearsal ? { ...config, blockChannels: config.blockChannels.map((c) => c / 10), heads: [1, 2, 4, 4] } : config;
  const sized = (config: UNetConfig, side: number): Graph => step(narrow(config), rehearsal ? 64 : side);
  const vae = rehearsal ? { ...klF8, blockChannels: [32, 32, 32, 32] } : klF8;
  const cells = rehearsal ? 8 : 64;
  return [
    stepCase('sd15-512', 'step of SD 1.5, 512x512', sized(sd1UNet, 512)),
    stepCase('sd15-lora-512', `the same with a LoRA of rank ${LORA_RANK}`, withLora(sized(sd1UNet, 512))),
    stepCase('sd15-1024', 'step of SD 1.5, 1024x1024', sized(sd1UNet, 1024)),
    stepCase('sdxl-1024', 'step of SDXL, 1024x1024', sized(sdxlUNet, 1024)),
    {
      name: 'vae-512',
      title: 'decoding 512x512',
      graph: vaeDecoderGraph(vae, { size: { height: cells, width: cells } }),
      output: 'image',
      half: false,
    },
  ];
}

/** Symbols that graphs leave open: one picture, the rank of every adapter. */
function shapeOf(v: Graph['inputs'][number] | Graph['parameters'][number]): number[] {
  const sizes = new Proxy<Record<string, number>>(
    {},
    { get: (_, name) => (String(name).startsWith('rank') ? LORA_RANK : 1) },
  );
  return v.shape.map((dim) => evaluateDim(dim, sizes));
}

export function feedsOf(graph: Graph): Feeds {
  return Object.fromEntries(
    graph.inputs.map((v): [string, HostTensor] => {
      const shape = shapeOf(v);
      if (v.dtype === 'i64') return [v.attrs.name, i64(shape, new Array<number>(sizeOf(shape)).fill(1))];
      if (v.attrs.name === 'timestep') return [v.attrs.name, f32(shape, [500, 500])];
      // Adapters are weights that are fed.
      return [v.attrs.name, /\.lora_(down|up)$/.test(v.attrs.name) ? weight(v.attrs.name, shape) : noise(shape, 1)];
    }),
  );
}

export function weightsFor(graph: Graph): WeightSource {
  const shapes = new Map(graph.parameters.map((p) => [p.attrs.name, shapeOf(p)]));
  return { get: (name) => ({ kind: 'memory', tensor: weight(name, shapes.get(name)!) }) };
}

/** Of the size that keeps signals as large as they came, so that every layer has its part in the result. */
function weight(name: string, shape: readonly number[]): HostTensor {
  const isGain = shape.length === 1 && /norm.*weight$/.test(name);
  const fanIn = sizeOf(shape) / (shape[0] ?? 1);
  return noise(shape, shape.length === 1 ? 0.1 : 1 / Math.sqrt(fanIn), isGain ? 1 : 0);
}

/** Uniform numbers of this spread around a mean, the same each time (Numerical Recipes' linear congruence). */
function noise(shape: readonly number[], spread: number, mean = 0): HostTensor {
  const values = new Float32Array(sizeOf(shape));
  const scale = (spread * Math.sqrt(12)) / 2 ** 32;
  let state = values.length;
  for (let i = 0; i < values.length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    values[i] = mean + scale * (state - 2 ** 31);
  }
  return f32(shape, values);
}

/** Over the largest value of the second. */
export function largestDifference({ data: a }: HostTensor, { data: b }: HostTensor): number {
  const [x, y] = [a as Float32Array, b as Float32Array];
  const scale = y.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return x.reduce((most, value, i) => Math.max(most, Math.abs(value - y[i]!)), 0) / scale;
}
