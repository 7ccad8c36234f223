/**
 * Kills a studio or its engine again and again at random moments while it works, looks at what is left each time, and
 * in the end lets it finish.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { deflateSync } from 'node:zlib';
import { writeSafetensors } from '#formats/safetensors-writer';
import { childExecArgv, ownModule } from '#studio/files/own-module';
import { openDatabase } from '#studio/store/database';
import { TestHub } from '../fixtures/test-hub.ts';
import { png } from './hostile/bytes.ts';
import { type Random, seededRandom } from './random.ts';
import type { Said } from './studio-process.ts';
import { type Folders, verifyStudio } from './verify.ts';

export interface KillReport {
  readonly kills: number;
  readonly studioKills: number;
  readonly engineKills: number;
  readonly jobs: number;
  readonly pictures: number;
  /** Downloads and trainings that were begun; all came to their end. */
  readonly pulls: number;
  readonly trainings: number;
  readonly problems: readonly string[];
}

const main = ownModule(import.meta.url, './studio-process');

/** @param tell called with a line now and then @param seconds after which no further life begins */
export async function killRun(
  kills: number,
  seed: number,
  tell: (line: string) => void = () => {},
  seconds = Number.POSITIVE_INFINITY,
): Promise<KillReport> {
  const end = performance.now() + seconds * 1000;
  const root = mkdtempSync(join(tmpdir(), 'darkroom-kill-'));
  const hub = await TestHub.start();
  for (let n = 0; n < 10; n++)
    hub.serve(`/m${n}.safetensors`, { body: modelOf(n), ...(n % 3 === 0 ? { breakAfter: 300_000 } : {}) });
  const run = new KillRun(root, seededRandom(seed), hub);
  try {
    for (let i = 0; i < kills && performance.now() < end; i++) {
      await run.once(i);
      if (run.problems.length > 0) break;
      if ((i + 1) % 10 === 0) tell(`${i + 1} of ${kills} kills, ${run.promised.images.size} pictures`);
    }
    if (run.problems.length === 0) await run.finish();
    return run.report();
  } finally {
    await hub.stop();
    rmSync(root, { recursive: true, force: true });
  }
}

class KillRun {
  readonly problems: string[] = [];
  readonly promised = {
    jobs: new Set<string>(),
    images: new Set<string>(),
    cancelled: new Set<string>(),
    ratings: new Map<string, ReadonlySet<number>>(),
    away: new Map<string, ReadonlySet<boolean>>(),
    previewEvery: new Set<number>(),
    kept: new Map<string, ReadonlySet<boolean>>(),
  };
  /** Downloads and trainings by job. */
  readonly #pulls = new Map<string, string>();
  readonly #trainings = new Set<string>();
  readonly #hub: TestHub;
  readonly #pictures: string;
  readonly #models: string;
  readonly #folders: Folders;
  readonly #sayTo: string;
  readonly #random: Random;
  #kills = { studio: 0, engine: 0 };

  constructor(root: string, random: Random, hub: TestHub) {
    this.#hub = hub;
    this.#models = join(root, 'models');
    this.#pictures = join(root, 'pictures');
    mkdirSync(this.#pictures);
    writeFileSync(
      join(this.#pictures, 'one.png'),
      png({ width: 64, height: 64, pixels: deflateSync(Buffer.alloc(65 * 64, 1)) }),
    );
    this.#folders = { dataDir: join(root, 'data'), outputsDir: join(root, 'outputs') };
    this.#sayTo = join(root, 'said');
    this.#random = random;
  }

  /** One life of the studio: engine deaths on the way, its own at the end. */
  async once(round: number): Promise<void> {
    const random = this.#random;
    // A backlog keeps the engine busy; more only makes the end long.
    const jobs = round % 4 === 0 ? 6 : 1;
    const trainOn = round % trainEvery === 2 ? this.#pictures : undefined;
    const child = this.#spawn({ seed: random.between(1, 2 ** 30), jobs, finish: false, trainOn });
    // Now and then already while it starts and mends what the last kill left.
    if (random.next() < 0.25) await delay(random.between(100, 900));
    else await this.#letWork(child);
    await kill(child);
    this.#kills.studio++;
    this.#listen();
    await this.#verify(`kill ${round + 1}`, false);
  }

  /** Until some pictures are there, then a moment more, so that the kill falls anywhere between two of them. */
  async #letWork(child: ChildProcess): Promise<void> {
    const random = this.#random;
    const pictures = random.between(0, 3);
    // A busy machine takes its time to start one.
    await this.#until((said) => said.some((one) => 'ready' in one), child, 30_000);
    await this.#until((said) => said.filter((one) => 'image' in one).length >= pictures, child);
    await delay(random.between(0, 60));
    if (random.next() < 0.35) {
      this.#killEngine();
      await delay(random.between(0, 600));
    }
  }

  async finish(): Promise<void> {
    const child = this.#spawn({ seed: 1, jobs: 0, finish: true });
    await new Promise((resolve) => child.once('exit', resolve));
    this.#listen();
    if (child.exitCode !== 0) this.problems.push(`the last life ended with ${child.exitCode ?? child.signalCode}`);
    await this.#verify('the end', true);
  }

  report(): KillReport {
    const { studio, engine } = this.#kills;
    return {
      kills: studio + engine,
      studioKills: studio,
      engineKills: engine,
      jobs: this.promised.jobs.size,
      pictures: this.promised.images.size,
      pulls: this.#pulls.size,
      trainings: this.#trainings.size,
      problems: this.problems,
    };
  }

  #spawn(orders: { seed: number; jobs: number; finish: boolean; trainOn?: string }): ChildProcess {
    writeFileSync(this.#sayTo, '');
    const argument = JSON.stringify({
      ...this.#folders,
      modelsDir: this.#models,
      hub: this.#hub.url,
      sayTo: this.#sayTo,
      ...orders,
    });
    return spawn(process.execPath, [...childExecArgv(), main, argument], { stdio: ['ignore', 'ignore', 'inherit'] });
  }

  #said(): Said[] {
    const lines = readFileSync(this.#sayTo, 'utf8').split('\n').slice(0, -1);
    return lines.map((line) => JSON.parse(line) as Said);
  }

  /** Waits for what the studio says, five seconds unless told otherwise: a paused or idle one says nothing more. */
  async #until(test: (said: readonly Said[]) => boolean, child: ChildProcess, most = 5000): Promise<void> {
    for (let waited = 0; waited < most && !test(this.#said()); waited += 10) {
      if (child.exitCode !== null || child.signalCode !== null) {
        this.problems.push(`a studio ended by itself with ${child.exitCode ?? child.signalCode}`);
        return;
      }
      await delay(10);
    }
  }

  #killEngine(): void {
    const pid = this.#said()
      .flatMap((said) => ('engine' in said ? [said.engine] : []))
      .at(-1);
    if (pid === undefined) return;
    try {
      process.kill(pid, 'SIGKILL');
      this.#kills.engine++;
    } catch {
      // Gone by itself.
    }
  }

  /** Takes down what this life has promised. */
  #listen(): void {
    const { ratings, away, previewEvery, kept } = this.promised;
    for (const said of this.#said()) {
      if ('submitted' in said) for (const id of said.submitted) this.promised.jobs.add(id);
      else if ('image' in said) this.promised.images.add(said.image);
      else if ('cancelled' in said) this.promised.cancelled.add(said.cancelled);
      else if ('rates' in said) ratings.set(said.rates, new Set([...(ratings.get(said.rates) ?? [0]), said.rating]));
      else if ('rated' in said) ratings.set(said.rated, new Set([said.rating]));
      else if ('trashes' in said) away.set(said.trashes, new Set([...(away.get(said.trashes) ?? [false]), said.away]));
      else if ('trashed' in said) away.set(said.trashed, new Set([said.away]));
      else if ('keeps' in said) kept.set(said.keeps, new Set([...(kept.get(said.keeps) ?? [false]), said.there]));
      else if ('kept' in said) kept.set(said.kept, new Set([said.there]));
      else if ('pulled' in said) this.#pulls.set(said.pulled, said.file);
      else if ('training' in said) this.#trainings.add(said.training);
      else if ('sets' in said) previewEvery.add(said.sets);
      else if ('set' in said) {
        previewEvery.clear();
        previewEvery.add(said.set);
      }
    }
  }

  async #verify(when: string, finished: boolean): Promise<void> {
    for (const problem of await verifyStudio(this.#folders, this.promised, { finished, fake: true }))
      this.problems.push(`${when}: ${problem}`);
    for (const problem of this.#checkModels(finished)) this.problems.push(`${when}: ${problem}`);
    if (finished) for (const problem of this.#checkEnds()) this.problems.push(`${when}: ${problem}`);
  }

  /** A model that has its name is whole; in the end, all that were asked for are there. */
  #checkModels(finished: boolean): string[] {
    const problems: string[] = [];
    const found = new Set<string>();
    for (const file of filesBelow(this.#models)) {
      const name = basename(file);
      if (!name.endsWith('.safetensors')) {
        if (finished && /\.(part|tmp)$/.test(name)) problems.push(`left over: ${file}`);
        continue;
      }
      found.add(name);
      if (!readFileSync(file).equals(modelOf(Number(/\d+/.exec(name)?.[0]))))
        problems.push(`${name} is not as the hub has it`);
    }
    const lost = finished ? [...this.#pulls.values()].filter((name) => !found.has(name)) : [];
    return [...problems, ...lost.map((name) => `${name} was to be fetched and is not there`)];
  }

  /** Downloads and trainings are done. */
  #checkEnds(): string[] {
    const db = openDatabase(join(this.#folders.dataDir, 'studio.db'));
    try {
      return [...this.#pulls.keys(), ...this.#trainings].flatMap((id) => {
        const row = db.get<{ state: string; error: string }>('SELECT state, error FROM jobs WHERE id = ?', [id]);
        const what = this.#pulls.get(id) ?? 'a training';
        return row?.state === 'done' ? [] : [`job ${id} (${what}) is ${row?.state ?? 'lost'}: ${row?.error}`];
      });
    } finally {
      db.close();
    }
  }
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await gone;
}

/** A life begins a training every so many. */
const trainEvery = 25;

/** An adapter, half a mebibyte, another one for each number. */
function modelOf(n: number): Buffer {
  const name = 'lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k';
  const tensor = (end: string, shape: readonly number[]) => ({
    name: `${name}.lora_${end}.weight`,
    dtype: 'F16' as const,
    shape,
    data: new Uint8Array(2 * shape.reduce((a, b) => a * b, 1)).fill(n),
  });
  return Buffer.concat(writeSafetensors([tensor('down', [128, 768]), tensor('up', [1024, 128])]));
}

function filesBelow(folder: string): string[] {
  if (!existsSync(folder)) return [];
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}
