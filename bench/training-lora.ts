/**
 * Steps of a LoRA of rank 16 on a U-Net of Stable Diffusion 1.5's size at 512x512, batch 1, from half-precision weights,
 * with and without recomputing the inside of blocks: by `darkroom train lora`, and by diffusers on PyTorch eager
 * (float32), one after the other in one run. Tells seconds of a step and the largest memory of each process.
 *
 * Run: DARKROOM_BENCH_PYTHON=python npm run bench -- training-lora [steps] [threads], where python has torch and
 * diffusers. Linux (memory is read from /proc). Writes 2 GB to the temporary folder, or DARKROOM_BENCH_FOLDER, and takes
 * up to 16 GB of memory.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { fileURLToPath, pathToFileURL } from 'node:url';
import sharp from 'sharp';
import { writeCheckpoint } from './random-checkpoint.ts';

interface Measured {
  /** Of each step but the first, which compiles or warms up. */
  readonly seconds: readonly number[];
  /** Bytes. */
  readonly peak: number;
}

/** Looks at the memory of a process until it has ended. */
function watchPeak({ pid }: ChildProcess): () => number {
  let peak = 0;
  const look = (): void => {
    try {
      peak = Math.max(peak, 1024 * Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]));
    } catch {
      // It has ended.
    }
  };
  const timer = setInterval(look, 200);
  return () => {
    clearInterval(timer);
    return peak;
  };
}

/** Runs a process that prints a line of JSON a step. */
async function stepsOf(command: string, args: readonly string[], cwd: string): Promise<Measured> {
  const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'inherit'] });
  const peak = watchPeak(child);
  const ends: number[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    const step = (JSON.parse(line) as { step?: number }).step ?? 1;
    if (step > 0) ends.push(performance.now());
  }
  return { seconds: ends.slice(1).map((end, i) => (end - ends[i]!) / 1e3), peak: peak() };
}

async function ours(checkpoint: string, folder: string, steps: number, threads: number, recompute: boolean) {
  const main = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url));
  const loader = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
  const settings = {
    pretrained_model_name_or_path: checkpoint,
    output_name: recompute ? 'recomputed' : 'plain',
    resolution: 512,
    network_dim: 16,
    train_batch_size: 1,
    max_train_steps: steps,
    threads,
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const switches = [
    '--network_train_unet_only',
    '--no-effect_report',
    ...(recompute ? ['--gradient_checkpointing'] : []),
  ];
  const args = ['--import', loader, main, 'train', 'lora', 'pictures', ...flags, ...switches, '--json'];
  return await stepsOf(process.execPath, args, folder);
}

async function peer(python: string, checkpoint: string, steps: number, threads: number, recompute: boolean) {
  const script = fileURLToPath(new URL('./peers/training_lora.py', import.meta.url));
  return await stepsOf(python, [script, checkpoint, ...[threads, steps, Number(recompute)].map(String)], process.cwd());
}

async function makePictures(folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  for (const background of ['#c02010', '#1020c0']) {
    const picture = sharp({ create: { width: 512, height: 512, channels: 3, background } });
    await picture.png().toFile(join(folder, `${background.slice(1)}.png`));
  }
}

const least = (values: readonly number[]): number => Math.min(...values);

function tell(name: string, { seconds, peak }: Measured): void {
  const each = seconds.map((s) => s.toFixed(1)).join(', ');
  console.log(`  ${name}: ${least(seconds).toFixed(1)} s a step (${each}), ${(peak / 2 ** 30).toFixed(1)} GiB`);
}

async function main(): Promise<void> {
  const python = process.env.DARKROOM_BENCH_PYTHON;
  const [steps = 4, threads = availableParallelism()] = process.argv.slice(2).map(Number);
  const given = process.env.DARKROOM_BENCH_FOLDER;
  const folder = given ?? mkdtempSync(join(tmpdir(), 'darkroom-bench-'));
  try {
    await makePictures(join(folder, 'pictures'));
    const checkpoint = join(folder, 'sd15-f16.safetensors');
    if (!existsSync(checkpoint)) writeCheckpoint(checkpoint, 'F16');
    for (const recompute of [true, false]) {
      console.log(`${recompute ? 'inside of blocks recomputed' : 'everything kept'}, ${threads} threads:`);
      const own = await ours(checkpoint, folder, steps, threads, recompute);
      tell('Darkroom', own);
      if (python === undefined) continue;
      const theirs = await peer(python, checkpoint, steps, threads, recompute);
      tell('diffusers on PyTorch eager', theirs);
      console.log(`  ratio of steps ${(least(own.seconds) / least(theirs.seconds)).toFixed(2)}`);
    }
  } finally {
    rmSync(join(folder, 'training'), { recursive: true, force: true });
    if (given === undefined) rmSync(folder, { recursive: true, force: true });
  }
}

await main();
