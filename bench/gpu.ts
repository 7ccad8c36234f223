/**
 * What a graphics card takes for the work of Stable Diffusion: a denoising step with guidance at three sizes, the same
 * with a LoRA, decoding, loading, a training step. Our own shaders in full and in half precision, ONNX Runtime's, and,
 * where `DARKROOM_BENCH_PYTHON` names a python with torch and diffusers, PyTorch eager and replayed as a CUDA graph; all in
 * one run, on one card, from made-up weights.
 *
 * Run: npm run bench -- gpu [parts, with commas between them; default all] [rounds, default 10]
 * `rehearsal` among the parts: everything small enough for a machine without a card, to see that all of it works.
 */

import { createOrtNodeBackend } from '#backends/ort-node/cpu';
import { createWebGpuBackend, type WebGpuBackend } from '#backends/webgpu/backend';
import { openNodeDevice, readFileRange } from '#backends/webgpu-node/device';
import type { HostTensor } from '#core/tensor';
import type { Backend, WeightSource } from '#engine/backend';
import { feedsOf, type GpuCase, gpuCases, largestDifference, weightsFor } from './gpu-cases.ts';
import { timeLoading } from './gpu-loading.ts';
import { type PeerTimes, peerTimes } from './gpu-peer.ts';
import { timeTrainingSteps } from './gpu-training.ts';
import { rehearsal } from './training-step.ts';

const own = (): WebGpuBackend =>
  createWebGpuBackend({ open: () => openNodeDevice(), readRange: readFileRange, warn: (m) => console.log(`    ${m}`) });
const runtime = (): Backend => createOrtNodeBackend({ device: 'webgpu' });

export interface Row {
  readonly name: string;
  /** Seconds until the first result, and of the fastest run after it. */
  readonly first?: number;
  readonly seconds: number;
  readonly note?: string;
}

/** Ratios are to the first row. */
function print(title: string, rows: readonly Row[]): void {
  console.log(`  ${title}`);
  for (const { name, first, seconds, note } of rows) {
    const ratio = (seconds / rows[0]!.seconds).toFixed(2);
    const start = first === undefined ? '' : `, first after ${first.toFixed(1)} s`;
    console.log(`    ${(1e3 * seconds).toFixed(1)} ms, ratio ${ratio}${start}${note ? `; ${note}` : ''}; ${name}`);
  }
}

interface Timed extends Row {
  readonly result: HostTensor;
}

async function timeCase(
  { graph, output, unchanged }: GpuCase,
  { name, backend, precision }: { name: string; backend: Backend; precision: 'full' | 'half' },
  rounds: number,
): Promise<Timed> {
  const weights: WeightSource = weightsFor(graph);
  const feeds = feedsOf(graph);
  try {
    const start = performance.now();
    const session = await backend.compile(graph, { weights, precision });
    let results = await session.run(feeds, { unchanged });
    const first = (performance.now() - start) / 1e3;
    let seconds = Number.POSITIVE_INFINITY;
    for (let i = 0; i < rounds; i++) {
      const from = performance.now();
      results = await session.run(feeds, { unchanged });
      seconds = Math.min(seconds, (performance.now() - from) / 1e3);
    }
    await session.dispose();
    return { name, first, seconds, result: results[output]! };
  } finally {
    await backend.dispose();
  }
}

/** Where the time of our own goes. */
async function printKernels({ graph }: GpuCase, precision: 'full' | 'half'): Promise<void> {
  const backend = own();
  try {
    const session = await backend.compile(graph, { weights: weightsFor(graph), precision });
    const times = await session.profile(feedsOf(graph));
    const shown = times
      .slice(0, 8)
      .map(({ label, count, seconds }) => `${label} x${count} ${(1e3 * seconds).toFixed(2)}`);
    console.log(`    kernels, ms: ${shown.join(', ')}`);
  } catch (error) {
    console.log(`    kernels: ${(error as Error).message}`);
  } finally {
    await backend.dispose();
  }
}

async function runCase(each: GpuCase, hasHalves: boolean, rounds: number, peers: PeerTimes): Promise<void> {
  const half = hasHalves && each.half;
  const engines = [
    { name: 'our own shaders, halves', backend: own, precision: 'half' as const },
    { name: 'our own shaders, f32', backend: own, precision: 'full' as const },
    { name: "ONNX Runtime's shaders, f32", backend: runtime, precision: 'full' as const },
  ].filter(({ precision }) => half || precision === 'full');
  const timed: Timed[] = [];
  for (const { backend, ...engine } of engines) {
    const row = await timeCase(each, { ...engine, backend: backend() }, rounds).catch((error: Error) => {
      console.log(`    ${engine.name}: ${error.message}`);
      return undefined;
    });
    if (row) timed.push(row);
  }
  const right = timed.find(({ name }) => name.startsWith('our own') && name.endsWith('f32'));
  const rows = timed.map((row): Row => {
    const note = right && row !== right && `difference ${largestDifference(row.result, right.result).toExponential(1)}`;
    return { ...row, note: note || undefined };
  });
  print(each.title, [...rows, ...(await peers(each.name))]);
  await printKernels(each, half ? 'half' : 'full');
}

const [parts = '', rounds = '10'] = process.argv.slice(2);
const wanted = parts.split(',').filter(Boolean);
const rehearses = wanted.includes('rehearsal');
const isWanted = (name: string): boolean => wanted.every((part) => part === 'rehearsal') || wanted.includes(name);
const probe = own();
const report = await probe.report().catch((error: Error) => {
  console.error(`${error.message}; \`darkroom doctor --device webgpu\` says what is missing`);
  process.exit(1);
});
await probe.dispose();
console.log(`${report.description}; halves ${report.halves}, subgroup matrices ${report.matrix}; least of ${rounds}:`);
if (rehearses) console.log('a rehearsal: small networks under the names of the large ones; times say nothing');
const peers = peerTimes(rehearses ? undefined : process.env.DARKROOM_BENCH_PYTHON, Number(rounds));
for (const each of gpuCases(rehearses)) {
  if (isWanted(each.name)) await runCase(each, report.halves, Number(rounds), peers);
}
if (isWanted('load'))
  print(
    'loading the U-Net of SD 1.5 from a file of halves',
    await timeLoading({ own, runtime, halves: report.halves, rehearsal: rehearses }),
  );
if (isWanted('training')) {
  const backends = { 'our own shaders, state on the device': own, "ONNX Runtime's shaders": runtime };
  const rows = await timeTrainingSteps(backends, Number(rounds), rehearses ? rehearsal : undefined);
  print('training step, 20.7 M parameters, batch 16, AdamW, moving average', [...rows, ...(await peers('training'))]);
}
process.exit(0);
