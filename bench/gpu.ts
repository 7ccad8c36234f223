/**
 * One denoising step of Stable Diffusion 1.5's size (batch 2, as guidance takes) on WebGPU: our own shaders in full and
 * in half precision, and ONNX Runtime's, in one run on the same adapter, from the same made-up weights. PyTorch is not
 * run here: `bench/peers/sd15.py` has no CUDA yet, and `npm run bench -- sd15` measures it on the CPU.
 *
 * Run: npm run bench -- gpu [side of the picture, default 512] [rounds, default 10]
 */

import { createOrtNodeBackend } from '#backends/ort-node/cpu';
import { createWebGpuBackend, type WebGpuBackend } from '#backends/webgpu/backend';
import { openNodeDevice, readFileRange } from '#backends/webgpu-node/device';
import { f32, type HostTensor, sizeOf } from '#core/tensor';
import type { Backend, WeightSource } from '#engine/backend';
import { input } from '#graph/build';
import { closeGraph, type Graph } from '#graph/value';
import { Scope } from '#models/nn/scope';
import { sd1UNet } from '#models/unet/config';
import { unet } from '#models/unet/network';

const config = sd1UNet;

function stepGraph(side: number): Graph {
  const cells = side / 8;
  const prediction = unet(new Scope('unet'), config, {
    sample: input('sample', 'f32', [2, 4, cells, cells]),
    timestep: input('timestep', 'f32', [2]),
    context: input('context', 'f32', [2, 77, 768]),
  });
  return closeGraph('unet', { prediction });
}

/** Small numbers, so that nothing overflows on its way through the network. */
function waves(shape: readonly number[]): HostTensor {
  const width = sizeOf(shape) / (shape[0] ?? 1);
  const scale = shape.length === 1 ? 0.1 : 1 / Math.sqrt(width);
  return f32(
    shape,
    Float32Array.from({ length: sizeOf(shape) }, (_, i) => scale * Math.sin(i * 12.9898 + 1)),
  );
}

interface Timed {
  readonly name: string;
  /** Seconds until the first result, and of the fastest step after it. */
  readonly first: number;
  readonly step: number;
  readonly result: Float32Array;
}

async function time(
  name: string,
  backend: Backend,
  precision: 'full' | 'half',
  graph: Graph,
  rounds: number,
): Promise<Timed> {
  const shapes = new Map(graph.parameters.map((p) => [p.attrs.name, p.shape as number[]]));
  const weights: WeightSource = { get: (n) => ({ kind: 'memory', tensor: waves(shapes.get(n)!) }) };
  const feeds = Object.fromEntries(graph.inputs.map((v) => [v.attrs.name, waves(v.shape as number[])]));
  const start = performance.now();
  const session = await backend.compile(graph, { weights, precision });
  let results = await session.run(feeds);
  const first = performance.now() - start;
  let step = Number.POSITIVE_INFINITY;
  for (let i = 0; i < rounds; i++) {
    const from = performance.now();
    results = await session.run(feeds);
    step = Math.min(step, performance.now() - from);
  }
  await session.dispose();
  await backend.dispose();
  return { name, first: first / 1e3, step: step / 1e3, result: results.prediction!.data as Float32Array };
}

function largestDifference(a: Float32Array, b: Float32Array): number {
  const scale = b.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  return a.reduce((most, x, i) => Math.max(most, Math.abs(x - b[i]!)), 0) / scale;
}

const [side = 512, rounds = 10] = process.argv.slice(2).map(Number);
const own = (): WebGpuBackend =>
  createWebGpuBackend({ open: () => openNodeDevice(), readRange: readFileRange, warn: (m) => console.log(`  ${m}`) });
const probe = own();
const report = await probe.report();
await probe.dispose();
console.log(
  `${report.description}; halves ${report.halves}, subgroup matrices ${report.matrix}; ${side}x${side}, least of ${rounds}:`,
);
const graph = stepGraph(side);
const timed: Timed[] = [
  await time("ONNX Runtime's shaders, f32", createOrtNodeBackend({ device: 'webgpu' }), 'full', graph, rounds),
];
timed.push(await time('our own shaders, f32', own(), 'full', graph, rounds));
if (report.halves) timed.push(await time('our own shaders, halves', own(), 'half', graph, rounds));
for (const { name, first, step, result } of timed) {
  const ratio = (step / timed[0]!.step).toFixed(2);
  const error = largestDifference(result, timed[0]!.result).toExponential(1);
  console.log(
    `  step ${step.toFixed(4)} s, ratio ${ratio}, first result after ${first.toFixed(1)} s, difference ${error}; ${name}`,
  );
}
process.exit(0);
