/**
 * Kills a studio or its engine again and again at random moments while it works, looks at what is left each time, and
 * in the end lets it finish.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { type Random, seededRandom } from './random.ts';
import type { Said } from './studio-process.ts';
import { type Folders, verifyStudio } from './verify.ts';

export interface KillReport {
  readonly kills: number;
  readonly studioKills: number;
  readonly engineKills: number;
  readonly jobs: number;
  readonly pictures: number;
  readonly problems: readonly string[];
}

const main = fileURLToPath(new URL('./studio-process.ts', import.meta.url));
const loader = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;

/** @param tell called with a line now and then */
export async function killRun(
  kills: number,
  seed: number,
  tell: (line: string) => void = () => {},
): Promise<KillReport> {
  const root = mkdtempSync(join(tmpdir(), 'darkroom-kill-'));
  const run = new KillRun(root, seededRandom(seed));
  try {
    for (let i = 0; i < kills; i++) {
      await run.once(i);
      if (run.problems.length > 0) break;
      if ((i + 1) % 10 === 0) tell(`${i + 1} of ${kills} kills, ${run.promised.images.size} pictures`);
    }
    if (run.problems.length === 0) await run.finish();
    return run.report();
  } finally {
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
  };
  readonly #folders: Folders;
  readonly #sayTo: string;
  readonly #random: Random;
  #kills = { studio: 0, engine: 0 };

  constructor(root: string, random: Random) {
    this.#folders = { dataDir: join(root, 'data'), outputsDir: join(root, 'outputs') };
    this.#sayTo = join(root, 'said');
    this.#random = random;
  }

  /** One life of the studio: engine deaths on the way, its own at the end. */
  async once(round: number): Promise<void> {
    const random = this.#random;
    // A backlog keeps the engine busy; more only makes the end long.
    const jobs = round % 4 === 0 ? 6 : 1;
    const child = this.#spawn({ seed: random.between(1, 2 ** 30), jobs, finish: false });
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
      problems: this.problems,
    };
  }

  #spawn(orders: { seed: number; jobs: number; finish: boolean }): ChildProcess {
    writeFileSync(this.#sayTo, '');
    const argument = JSON.stringify({ ...this.#folders, sayTo: this.#sayTo, ...orders });
    return spawn(process.execPath, ['--import', loader, main, argument], { stdio: ['ignore', 'ignore', 'inherit'] });
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
    const { ratings, away, previewEvery } = this.promised;
    for (const said of this.#said()) {
      if ('submitted' in said) for (const id of said.submitted) this.promised.jobs.add(id);
      else if ('image' in said) this.promised.images.add(said.image);
      else if ('cancelled' in said) this.promised.cancelled.add(said.cancelled);
      else if ('rates' in said) ratings.set(said.rates, new Set([...(ratings.get(said.rates) ?? [0]), said.rating]));
      else if ('rated' in said) ratings.set(said.rated, new Set([said.rating]));
      else if ('trashes' in said) away.set(said.trashes, new Set([...(away.get(said.trashes) ?? [false]), said.away]));
      else if ('trashed' in said) away.set(said.trashed, new Set([said.away]));
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
  }
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await gone;
}
