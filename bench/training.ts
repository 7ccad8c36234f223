/**
 * One training step of a small conditional U-Net (forward, backward, clip, AdamW, moving average) here and in PyTorch
 * eager, in turns on the same CPU, from the same weights and inputs: the losses have to agree.
 *
 * Run: DARKROOM_BENCH_PYTHON=python npm run bench -- training [rounds] [threads], where python has torch installed.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { createOrtNodeBackend } from '#backends/ort-node/cpu';
import { f32, type HostTensor, sizeOf, zeros } from '#core/tensor';
import type { Session } from '#engine/backend';
import { fusedUpdate } from '#training/fused-update';
import { TrainingRandom } from '#training/random';
import { scalarFeed } from '#training/step';
import { batch, config, inputs, network, type Tensors, training } from './training-step.ts';

interface StepTime {
  readonly loss: number;
  /** Seconds. */
  readonly wall: number;
  /** Seconds of all threads together. */
  readonly cpu: number;
}

interface Runner {
  readonly name: string;
  step(): Promise<StepTime>;
  close(): Promise<void>;
}

async function darkroom(
  { step, options, weights }: ReturnType<typeof network>,
  data: Tensors,
  threads: number,
): Promise<Runner> {
  const backend = createOrtNodeBackend({ device: 'cpu', threads });
  const session: Session = await backend.compile(step.apply);
  const update = fusedUpdate(options, backend)!;
  const first = (parameter: string, slot: string): HostTensor =>
    slot === 'parameter' || slot === 'ema' ? copy(weights[parameter]!) : zeros('f32', weights[parameter]!.shape);
  const current = new Map(step.state.map((s) => [s.name, first(s.parameter, s.slot)]));
  let done = 0;
  return {
    name: 'Darkroom',
    async step() {
      const [wall, cpu] = [performance.now(), process.cpuUsage()];
      done += 1;
      const scalars = { ...options.optimizer.scalars(done, training.learningRate), emaKeep: training.emaDecay };
      const fed = Object.entries(scalars).map(([name, value]) => [scalarFeed(name), f32([], [value])]);
      const results = await session.run({ ...Object.fromEntries(current), ...data });
      update(step.state, current, { ...results, ...Object.fromEntries(fed) });
      const used = process.cpuUsage(cpu);
      return {
        loss: Number(results['metric:loss']!.data[0]),
        wall: (performance.now() - wall) / 1e3,
        cpu: (used.user + used.system) / 1e6,
      };
    },
    close: () => backend.dispose(),
  };
}

const copy = (t: HostTensor): HostTensor => f32(t.shape, (t.data as Float32Array).slice());

function writeManifest(folder: string, tensors: Tensors): void {
  let offset = 0;
  const listed = Object.entries(tensors).map(([name, { shape }]) => {
    const at = offset;
    offset += sizeOf(shape);
    return { name, shape, offset: at };
  });
  const all = new Float32Array(offset);
  listed.forEach(({ name, offset: at }) => {
    all.set(tensors[name]!.data as Float32Array, at);
  });
  writeFileSync(join(folder, 'tensors.bin'), new Uint8Array(all.buffer));
  writeFileSync(join(folder, 'manifest.json'), JSON.stringify({ unet: config, optimizer: training, tensors: listed }));
}

async function torch(python: string, folder: string, layout: string, threads: number): Promise<Runner> {
  const script = fileURLToPath(new URL('./peers/training_unet.py', import.meta.url));
  const peer: ChildProcess = spawn(python, [script, folder, layout, String(threads)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: peer.stdout! })[Symbol.asyncIterator]();
  const read = async <T>(): Promise<T> => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`${python} ${script} ended; is torch installed there?`);
    return JSON.parse(value) as T;
  };
  const { torch: version, parameters } = await read<{ torch: string; parameters: number }>();
  return {
    name: `PyTorch ${version} ${layout.replace('_', ' ')}, ${parameters} parameters`,
    async step() {
      peer.stdin!.write('step\n');
      return await read<StepTime>();
    },
    async close() {
      peer.stdin!.end();
    },
  };
}

async function main(): Promise<void> {
  const python = process.env.DARKROOM_BENCH_PYTHON;
  const [rounds = 5, threads = availableParallelism()] = process.argv.slice(2).map(Number);
  const random = new TrainingRandom(1);
  const net = network(random, true);
  const data = inputs(random);
  const folder = mkdtempSync(join(tmpdir(), 'darkroom-bench-'));
  const runners: Runner[] = [];
  try {
    runners.push(await darkroom(net, data, threads));
    if (python === undefined) console.log('no peer: set DARKROOM_BENCH_PYTHON to a python that has torch');
    else {
      writeManifest(folder, { ...net.weights, ...data });
      for (const layout of ['contiguous', 'channels_last']) runners.push(await torch(python, folder, layout, threads));
    }
    await compare(runners, rounds, threads);
  } finally {
    await Promise.all(runners.map((r) => r.close()));
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Steps in turns; the first step of each warms up and shows its loss. */
async function compare(runners: readonly Runner[], rounds: number, threads: number): Promise<void> {
  const times: StepTime[][] = runners.map(() => []);
  for (let round = 0; round <= rounds; round++) {
    for (const [i, runner] of runners.entries()) times[i]!.push(await runner.step());
  }
  const least = (i: number, key: 'wall' | 'cpu'): number => Math.min(...times[i]!.slice(1).map((t) => t[key]));
  console.log(`one training step, batch ${batch}, ${threads} threads, least of ${rounds}:`);
  runners.forEach(({ name }, i) => {
    const [wall, cpu] = [least(i, 'wall'), least(i, 'cpu')];
    const ratios = `ratio ${(wall / least(0, 'wall')).toFixed(2)} wall, ${(cpu / least(0, 'cpu')).toFixed(2)} CPU`;
    const losses = `loss ${times[i]![0]!.loss.toFixed(5)} -> ${times[i]!.at(-1)!.loss.toFixed(5)}`;
    console.log(`  ${wall.toFixed(3)} s wall, ${cpu.toFixed(3)} s CPU, ${ratios}; ${losses}; ${name}`);
  });
}

await main();
