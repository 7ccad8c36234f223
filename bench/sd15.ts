/**
 * A 512x512 picture by a model of Stable Diffusion 1.5's size, here and in diffusers on PyTorch eager (float32, channels
 * last), from the same random weights and inputs, step by step in turns on the same CPU: time to the first step, seconds
 * of a step with guidance (batch 2), VAE decode, peak memory, and how far the results differ.
 *
 * Run: DARKROOM_BENCH_PYTHON=python npm run bench -- sd15 [steps] [threads] [budget in MiB ...], where python has torch
 * and diffusers. Linux (memory is read from /proc). Writes 2 GB to the temporary folder, or DARKROOM_BENCH_FOLDER.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { writeCheckpoint } from './random-checkpoint.ts';

interface Report {
  readonly event: 'ready' | 'done' | 'loaded' | 'warning';
  readonly part: 'unet' | 'vae_decoder';
  /** Seconds since the process started. */
  readonly sinceStart: number;
  readonly wall: number;
  readonly cpu: number;
  /** Bytes. */
  readonly peak: number;
  readonly error: number;
  readonly message: string;
  readonly torch: string;
  readonly feeds: readonly object[];
  readonly expected: object;
}

/** A process that answers lines with lines. */
class Worker {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  peak = 0;

  constructor(command: string, args: readonly string[]) {
    this.#child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#lines = createInterface({ input: this.#child.stdout! })[Symbol.asyncIterator]();
  }

  tell(line: string): void {
    this.#child.stdin!.write(`${line}\n`);
  }

  /** The next report; undefined when the process has ended. */
  async next(): Promise<Report | undefined> {
    const { value, done } = await this.#lines.next();
    if (done) return undefined;
    const report = JSON.parse(value) as Report;
    this.peak = Math.max(this.peak, report.peak ?? 0);
    if (report.event !== 'warning') return report;
    console.log(`  ${report.message}`);
    return await this.next();
  }

  end(): void {
    this.#child.stdin!.end();
  }
}

function startOurs(checkpoint: string, budget: number, steps: number, threads: number, folder: string): Worker {
  const script = fileURLToPath(new URL('./sd15/picture-process.ts', import.meta.url));
  const loader = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
  const given = [checkpoint, budget, steps, folder, threads].map(String);
  return new Worker(process.execPath, ['--import', loader, script, ...given]);
}

async function startPeer(python: string, checkpoint: string, threads: number): Promise<Worker> {
  const script = fileURLToPath(new URL('./peers/sd15.py', import.meta.url));
  const peer = new Worker(python, [script, checkpoint, String(threads)]);
  const loaded = await peer.next();
  if (!loaded) throw new Error(`${python} ${script} ended; are torch, diffusers and safetensors installed there?`);
  console.log(`peer: diffusers on PyTorch ${loaded.torch} eager, float32, channels last`);
  return peer;
}

interface Turn {
  readonly part: Report['part'];
  readonly ours: Report;
  readonly peer: Report | undefined;
}

/** One picture; before each of our runs the peer waits, and after it we do. */
async function drawPicture(ours: Worker, peer: Worker | undefined): Promise<{ firstStep: number; turns: Turn[] }> {
  const turns: Turn[] = [];
  let firstStep = 0;
  for (let ready = await ours.next(); ready; ready = await ours.next()) {
    firstStep ||= ready.sinceStart;
    ours.tell('go');
    const done = await ours.next();
    if (!done) throw new Error('the process ended within a step');
    const { part, feeds, expected } = done;
    peer?.tell(JSON.stringify({ part, feeds, expected }));
    turns.push({ part, ours: done, peer: await peer?.next() });
  }
  return { firstStep, turns };
}

const gib = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(2)} GiB`;
const least = (values: readonly number[]): number => Math.min(...values);

function tell(turns: readonly Turn[], part: Report['part'], what: string): void {
  const own = turns.filter((turn) => turn.part === part);
  const ours = least(own.map((turn) => turn.ours.wall));
  const cpu = least(own.map((turn) => turn.ours.cpu));
  const theirs = own.flatMap(({ peer }) => (peer ? [peer] : []));
  const wall = least(theirs.map((peer) => peer.wall));
  const beside =
    theirs.length === 0
      ? ''
      : `; peer ${wall.toFixed(2)} s, ratio ${(ours / wall).toFixed(2)} wall, ${(cpu / least(theirs.map((p) => p.cpu))).toFixed(2)} CPU; largest difference ${theirs[0]!.error.toExponential(1)} of the largest value`;
  console.log(`  ${what}: ${ours.toFixed(2)} s (least of ${own.length})${beside}`);
}

async function main(): Promise<void> {
  const python = process.env.DARKROOM_BENCH_PYTHON;
  const [steps = 3, threads = availableParallelism(), ...budgets] = process.argv.slice(2).map(Number);
  const given = process.env.DARKROOM_BENCH_FOLDER;
  const folder = given ?? mkdtempSync(join(tmpdir(), 'darkroom-bench-'));
  mkdirSync(folder, { recursive: true });
  let peer: Worker | undefined;
  try {
    const checkpoint = join(folder, 'sd15-f16.safetensors');
    if (!existsSync(checkpoint)) writeCheckpoint(checkpoint, 'F16');
    if (python === undefined)
      console.log('no peer: set DARKROOM_BENCH_PYTHON to a python that has torch and diffusers');
    else peer = await startPeer(python, checkpoint, threads);
    for (const budget of budgets.length > 0 ? budgets : [0, 1024]) {
      // Into the page cache, as after the first start.
      readFileSync(checkpoint, { flag: 'r' });
      const ours = startOurs(checkpoint, budget * 2 ** 20, steps, threads, folder);
      const { firstStep, turns } = await drawPicture(ours, peer);
      console.log(`512x512, ${threads} threads, ${budget} MiB for faster forms of weights:`);
      console.log(`  process start to first step: ${firstStep.toFixed(1)} s`);
      tell(turns, 'unet', 'a step with guidance (batch 2)');
      tell(turns, 'vae_decoder', 'VAE decode');
      console.log(`  peak memory ${gib(ours.peak)}`);
    }
    if (peer) console.log(`peer's peak memory ${gib(peer.peak)}, its loading included`);
  } finally {
    peer?.end();
    if (given === undefined) rmSync(folder, { recursive: true, force: true });
  }
}

await main();
