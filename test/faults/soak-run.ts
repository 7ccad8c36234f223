/**
 * A working day in minutes: jobs, cancels, engines that die, ratings, trash, searches, thumbnails, readers of events who
 * come and go, and malformed requests, all at once and for as long as asked. In the end everything must be consistent,
 * and the memory in use, the files and the sockets must not have kept growing.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { Agent } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { EventClient } from './event-client.ts';
import { type Answered, ask } from './http-client.ts';
import { malformed, type Operation, operationsOf } from './malformed.ts';
import { type Random, seededRandom } from './random.ts';
import { type ServerChild, startServer } from './server-child.ts';
import type { ServerFigures } from './server-process.ts';
import { verifyStudio } from './verify.ts';

export interface SoakOptions {
  readonly seconds: number;
  readonly seed: number;
  readonly tell?: (line: string) => void;
}

export interface SoakReport {
  readonly seconds: number;
  readonly requests: number;
  readonly jobs: number;
  readonly pictures: number;
  /** In equal parts of the time, from the first on: mebibytes in use after a garbage collection, and resident. */
  readonly heapMiB: readonly number[];
  readonly residentMiB: readonly number[];
  /** Open files and sockets, in the same parts. */
  readonly descriptors: readonly number[];
  /** Milliseconds by which the event loop was late at worst, in the same parts, and what of it the server computed. */
  readonly loopWorstMs: readonly number[];
  readonly loopRanMs: readonly number[];
  readonly problems: readonly string[];
}

const parts = 10;
const workers = 4;
/** Longer than an engine may take to start again on a machine that others load. */
const patienceMs = 300_000;
/**
 * Of memory, from the third part on to the end, in means of three parts: what fills in the first minutes is no leak, and
 * the window of latest events is emptied by a fifth now and then.
 */
const allowedGrowth = 0.05;
const meanOf = 3;
/** Of runs that are too short to have filled their caches by then. */
const allowedEarlyGrowth = 16 * 2 ** 20;
const longSeconds = 600;
/** Files and sockets; some are open just when it is asked. */
const allowedDescriptors = 64;
/** The gallery is emptied above this, as a user would, so that what grows is the server and not its work. */
const keptPictures = 200;

export async function soakRun(options: SoakOptions): Promise<SoakReport> {
  const root = mkdtempSync(join(tmpdir(), 'darkroom-soak-'));
  const server = await startServer({ root, engineOptions: { stepMs: 2 } });
  try {
    const document = (await ask(server.url, { method: 'GET', path: '/api/openapi.json' })).json;
    return await new SoakRun(server, root, operationsOf(document as Record<string, unknown>), options).run();
  } finally {
    await server.stop();
    rmSync(root, { recursive: true, force: true });
  }
}

type Chore = (run: SoakRun) => Promise<void>;

class SoakRun {
  readonly #server: ServerChild;
  readonly #root: string;
  readonly #operations: readonly Operation[];
  readonly #options: SoakOptions;
  readonly #random: Random;
  // A server may close a connection that was kept alive just when a late client uses it again (RFC 9112 9.3.1): nobody's
  // fault, and not what is looked for here.
  readonly #agent = new Agent({ keepAlive: false });
  readonly #problems: string[] = [];
  readonly #figures: ServerFigures[] = [];
  #requests = 0;
  #jobs = 0;

  constructor(server: ServerChild, root: string, operations: readonly Operation[], options: SoakOptions) {
    this.#server = server;
    this.#root = root;
    // What empties tables or installs may be well-formed by chance, and the run needs its work to go on.
    this.#operations = operations.filter(({ method, path }) => method === 'GET' || /\/(jobs|txt2img)$/.test(path));
    this.#options = options;
    this.#random = seededRandom(options.seed);
  }

  async run(): Promise<SoakReport> {
    const { seconds, tell = () => {} } = this.#options;
    for (let part = 0; part < parts; part++) {
      const end = Date.now() + (seconds * 1000) / parts;
      await Promise.all(Array.from({ length: workers }, async () => await this.#work(end)));
      await this.#answered(() => this.#tidy());
      if (this.#server.crash() === undefined) this.#figures.push(await this.#server.figures());
      tell(`${part + 1} of ${parts} parts, ${this.#requests} requests, ${this.#jobs} jobs`);
      if (this.#server.crash() !== undefined || this.#problems.length > 0) break;
    }
    let pictures = 0;
    await this.#answered(async () => {
      await this.#rest();
      pictures = ((await this.#ask('GET', '/api/v1/images?limit=1')).json as { total: number }).total;
    });
    await this.#server.stop();
    await this.#judge();
    const mebibytes = (bytes: number) => Math.round(bytes / 2 ** 20);
    return {
      seconds,
      requests: this.#requests,
      jobs: this.#jobs,
      pictures,
      heapMiB: this.#figures.map(({ heap, external }) => mebibytes(heap + external)),
      residentMiB: this.#figures.map(({ rss }) => mebibytes(rss)),
      descriptors: this.#figures.map(({ descriptors }) => descriptors),
      loopWorstMs: this.#figures.map(({ loop }) => Math.round(loop.worst)),
      loopRanMs: this.#figures.map(({ held }) => Math.round(held.ranMs)),
      problems: this.#problems.slice(0, 20),
    };
  }

  async #work(end: number): Promise<void> {
    while (Date.now() < end && this.#problems.length === 0) {
      const chore = this.#random.pick(chores);
      await this.#answered(() => chore(this));
    }
  }

  async #answered(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#problems.push(`a request got no answer: ${(error as Error).message}`);
    }
  }

  async draw(): Promise<void> {
    const mischief = this.#random.next() < 0.05 ? this.#random.pick([' fake:crash', ' fake:error', ' fake:warn']) : '';
    const body = {
      prompt: `picture ${this.#jobs++}${mischief}`,
      steps: this.#random.between(2, 12),
      batchCount: this.#random.between(1, 3),
      seed: this.#random.between(0, 2 ** 31),
    };
    const wait = this.#random.next() < 0.5;
    const answer = await this.#ask('POST', `/api/v1/jobs${wait ? '?wait=true' : ''}`, body);
    if (!wait && this.#random.next() < 0.3) {
      await this.#ask('POST', `/api/v1/jobs/${(answer.json as { job: { id: string } }).job.id}/cancel`);
    }
  }

  async browse(): Promise<void> {
    const query = this.#random.pick(['', '&text=picture', '&minRating=3', '&order=oldest', '&text=7']);
    const { images } = (await this.#ask('GET', `/api/v1/images?limit=20${query}`)).json as { images: { id: string }[] };
    if (images.length === 0) return;
    const { id } = this.#random.pick(images);
    await this.#ask('GET', `/api/v1/images/${id}/${this.#random.pick(['file', 'thumbnail'])}`);
    await this.#ask('PATCH', `/api/v1/images/${id}`, { rating: this.#random.between(0, 5) });
    if (this.#random.next() < 0.3) await this.#ask('POST', '/api/v1/images/trash', { ids: [id] });
    if (this.#random.next() < 0.2) await this.#ask('POST', '/api/v1/images/restore', { ids: [id] });
  }

  async watch(): Promise<void> {
    const client = new EventClient(`${this.#server.url}/api/v1/events`, undefined, () => {});
    await client.open();
    await delay(this.#random.between(1, 400));
    client.cut();
  }

  async err(): Promise<void> {
    const question = malformed(this.#random.pick(this.#operations), this.#random);
    if (/^\/api\/v1\/(events|ws)/.test(question.path)) return;
    this.#requests++;
    const answer = await ask(this.#server.url, { ...question, agent: this.#agent }).catch(() => undefined);
    if (answer && answer.status >= 500 && answer.status !== 501)
      this.#problems.push(`${question.fault}: ${question.method} ${question.path} was answered ${answer.status}`);
  }

  async #ask(method: string, path: string, body?: unknown): Promise<Answered> {
    this.#requests++;
    const started = performance.now();
    const question = { method, path, body, agent: this.#agent, timeoutMs: patienceMs };
    const answer = await ask(this.#server.url, question).catch((error: Error) => {
      const waited = Math.round(performance.now() - started);
      throw new Error(`${method} ${path} after ${waited} ms: ${error.message}`, { cause: error });
    });
    // Another worker may have taken away what this one has just seen.
    const expected = answer.status < 300 || [404, 409, 410].includes(answer.status);
    if (!expected && !path.includes('wait=true'))
      this.#problems.push(`${method} ${path}: ${answer.status} ${answer.text.slice(0, 200)}`);
    return answer;
  }

  /** Takes the older pictures away, and what the queue keeps of jobs that have ended. */
  async #tidy(): Promise<void> {
    const newest = `/api/v1/images?limit=${keptPictures}`;
    const { cursor } = (await this.#ask('GET', newest)).json as { cursor?: string };
    if (cursor !== undefined) {
      const older = `/api/v1/images?limit=500&cursor=${encodeURIComponent(cursor)}`;
      const { images } = (await this.#ask('GET', older)).json as { images: { id: string }[] };
      if (images.length > 0) await this.#ask('POST', '/api/v1/images/trash', { ids: images.map(({ id }) => id) });
    }
    await this.#ask('POST', '/api/v1/images/purge', {});
    await this.#ask('POST', '/api/v1/queue/clear', {});
  }

  async #rest(): Promise<void> {
    const open = '/api/v1/jobs?limit=1&state=queued&state=running&state=paused';
    for (let waited = 0; waited < 120; waited++) {
      await this.#ask('POST', '/api/v1/queue/resume', {});
      if (((await this.#ask('GET', open)).json as { jobs: unknown[] }).jobs.length === 0) return;
      await delay(500);
    }
    this.#problems.push('jobs are still open a minute after the last request');
  }

  async #judge(): Promise<void> {
    const crash = this.#server.crash();
    if (crash !== undefined) this.#problems.push(crash);
    const folders = { dataDir: join(this.#root, 'data'), outputsDir: join(this.#root, 'outputs') };
    const promised = {
      jobs: new Set<string>(),
      images: new Set<string>(),
      cancelled: new Set<string>(),
      ratings: new Map(),
    };
    this.#problems.push(...(await verifyStudio(folders, promised, { finished: true, fake: true, cleared: true })));
    this.#problems.push(...this.#judgeGrowth());
  }

  #judgeGrowth(): string[] {
    const problems: string[] = [];
    const [first, last] = [this.#figures[2] ?? this.#figures.at(-1), this.#figures.at(-1)];
    if (!first || !last) return ['no figures of the server'];
    const inUse = this.#figures.slice(2).map(({ heap, external }) => heap + external);
    const before = mean(inUse.slice(0, meanOf));
    const grown = mean(inUse.slice(-meanOf)) - before;
    const allowed = this.#options.seconds < longSeconds ? allowedEarlyGrowth : allowedGrowth * before;
    if (grown > allowed) problems.push(`${(grown / 2 ** 20).toFixed(1)} MiB more are in use than after the third part`);
    if (last.descriptors > first.descriptors + allowedDescriptors)
      problems.push(`${last.descriptors} files and sockets are open, ${first.descriptors} were after the third part`);
    return problems;
  }
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** As often as people do it. */
const chores: readonly Chore[] = [
  (run) => run.draw(),
  (run) => run.draw(),
  (run) => run.browse(),
  (run) => run.browse(),
  (run) => run.browse(),
  (run) => run.watch(),
  (run) => run.err(),
];
