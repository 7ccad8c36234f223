/**
 * What a step of SD 1.5 with guidance at 512x512 costs, by count: multiplications and additions of the graph, and the
 * bytes that kernels of our own bind, for a card with halves and subgroup matrices. Nothing is run and no card is needed.
 *
 * Run: npm run bench -- gpu-count
 */

import { bytesOf } from '#backends/webgpu/place';
import { Planner } from '#backends/webgpu/planner';
import { newPlace } from '#backends/webgpu/program';
import type { DeviceTraits } from '#backends/webgpu/shader';
import { sizeOf } from '#core/tensor';
import { topological, type Value } from '#graph/value';
import { gpuCases } from './gpu-cases.ts';

const traits: DeviceTraits = {
  f16: true,
  bindingBytes: 2 ** 31,
  storageBuffers: 10,
  workgroupBytes: 49_152,
  workgroupsPerDimension: 65_535,
  matrix: { m: 16, n: 16, k: 16, subgroup: 32 },
  distrusted: new Set(),
};
/** Smaller weights stay in f32. */
const SMALL = 8192;

interface Count {
  kernels: number;
  bytes: number;
}

const shapeOf = (v: Value): number[] => v.shape as number[];

/** A multiplication and an addition are two. Undefined where others are counted by their bytes alone. */
function workOf(v: Value): { kind: string; flops: number } | undefined {
  const [x, second] = v.inputs;
  const out = sizeOf(shapeOf(v));
  switch (v.op) {
    case 'conv2d': {
      const [, perGroup, kh, kw] = shapeOf(second!) as [number, number, number, number];
      return { kind: `convolution ${kh}x${kw}`, flops: 2 * out * perGroup * kh * kw };
    }
    case 'linear':
    case 'matmul':
      return { kind: 'linear', flops: 2 * out * shapeOf(x!).at(-1)! };
    case 'attention': {
      const [keys] = shapeOf(second!).slice(-2) as [number, number];
      const kind = keys === shapeOf(x!).at(-2) ? 'attention of a picture' : 'attention to a prompt';
      return { kind, flops: 4 * out * keys };
    }
    default:
      return undefined;
  }
}

const { graph } = gpuCases(false)[0]!;
const flops = new Map<string, { count: number; flops: number }>();
for (const v of topological(Object.values(graph.outputs))) {
  const work = workOf(v);
  if (!work) continue;
  const sum = flops.get(work.kind) ?? { count: 0, flops: 0 };
  flops.set(work.kind, { count: sum.count + 1, flops: sum.flops + work.flops });
}
const all = [...flops.values()].reduce((sum, each) => sum + each.flops, 0);
console.log(`${graph.name}, 512x512, batch 2: ${(all / 1e12).toFixed(3)} TFLOP in products`);
for (const [kind, each] of [...flops].sort((a, b) => b[1].flops - a[1].flops)) {
  console.log(
    `  ${kind}: ${each.count}, ${(each.flops / 1e9).toFixed(1)} GFLOP, ${((100 * each.flops) / all).toFixed(1)}%`,
  );
}

const planner = new Planner(graph, {
  traits,
  sizes: {},
  precision: 'half',
  leaf: (v) => {
    const elements = sizeOf(shapeOf(v));
    return newPlace(v.op === 'parameter' && elements >= SMALL ? 'f16' : 'f32', elements);
  },
  newPlace,
});
const counts = new Map<string, Count>();
let total = 0;
for (const { label, bindings } of planner.plan().kernels) {
  const bytes = bindings.reduce((sum, { place }) => sum + bytesOf(place), 0);
  const known = counts.get(label) ?? { kernels: 0, bytes: 0 };
  counts.set(label, { kernels: known.kernels + 1, bytes: known.bytes + bytes });
  total += bytes;
}
console.log(`  bound by kernels: ${(total / 1e9).toFixed(2)} GB`);
for (const [label, { kernels, bytes }] of [...counts].sort((a, b) => b[1].bytes - a[1].bytes).slice(0, 14)) {
  console.log(`  ${label}: ${kernels} kernels, ${(bytes / 1e6).toFixed(0)} MB`);
}
