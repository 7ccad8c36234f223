/**
 * Many clients at once put jobs into one server, each as a user of its own; in the end every job has been done once,
 * and while all of them waited no user was served more often than another.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { Agent } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { EventClient } from './event-client.ts';
import { ask } from './http-client.ts';
import { adminToken, fakeEngine, realEngine, type ServerChild, startServer, tinyModels } from './server-child.ts';
import type { ServerFigures } from './server-process.ts';
import { verifyStudio } from './verify.ts';

export interface LoadOptions {
  readonly jobs: number;
  readonly clients: number;
  /** Draw with the tiny model of the goldens; else with the engine that draws without a model. */
  readonly real: boolean;
}

export interface LoadReport {
  readonly jobs: number;
  readonly clients: number;
  readonly pictures: number;
  /** From the first request until the last job had ended. */
  readonly seconds: number;
  /** Milliseconds from asking to having a job's id: median, 99th percentile and worst. */
  readonly submitMs: readonly [median: number, p99: number, worst: number];
  readonly server: ServerFigures;
  /** Most by which one waiting client was ahead of another. */
  readonly unfairness: number;
  readonly problems: readonly string[];
}

interface JobFacts {
  readonly id: string;
  readonly label: string;
  readonly user: string;
  readonly state: string;
  readonly delivered: number;
  readonly error?: unknown;
}

const tiny = { width: 64, height: 64, steps: 1, sampler: 'Euler', cfgScale: 1 };

export async function loadRun(options: LoadOptions): Promise<LoadReport> {
  const root = mkdtempSync(join(tmpdir(), 'darkroom-load-'));
  const users = Array.from({ length: options.clients }, (_, n) => `client-${n}`);
  const model = { engineModule: realEngine, modelRoots: [tinyModels], defaultModel: 'tiny-sd1' };
  const server = await startServer({ root, users, ...(options.real ? model : { engineModule: fakeEngine }) });
  try {
    return await new LoadRun(server, root, options).run();
  } finally {
    await server.stop();
    rmSync(root, { recursive: true, force: true });
  }
}

class LoadRun {
  readonly #server: ServerChild;
  readonly #root: string;
  readonly #options: LoadOptions;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #submitMs: number[] = [];
  readonly #accepted = new Set<string>();
  readonly #problems: string[] = [];

  constructor(server: ServerChild, root: string, options: LoadOptions) {
    this.#server = server;
    this.#root = root;
    this.#options = options;
  }

  async run(): Promise<LoadReport> {
    const { jobs, clients } = this.#options;
    const taken: string[] = [];
    const events = new EventClient(`${this.#server.url}/api/v1/events?type=job.changed`, adminToken, ({ data }) => {
      const job = (JSON.parse(data) as { data: JobFacts }).data;
      if (job.state === 'running' && job.delivered === 0) taken.push(job.label);
    });
    await events.open();
    // Held back until all have asked, so that the order says something about fairness and not about arrival.
    await this.#as(adminToken, 'POST', '/api/v1/queue/pause', {});
    this.#server.reset();
    const began = performance.now();
    await Promise.all(Array.from({ length: clients }, (_, client) => this.#submit(client)));
    await this.#as(adminToken, 'POST', '/api/v1/queue/resume', {});
    const seen = await Promise.all(Array.from({ length: clients }, (_, client) => this.#waitForAll(client)));
    const seconds = (performance.now() - began) / 1000;
    const server = await this.#server.figures();
    const pictures = seen.reduce((sum, count) => sum + count, 0);
    events.cut();
    await this.#server.stop();
    const unfairness = this.#judgeOrder(taken);
    await this.#verify();
    const sorted = this.#submitMs.toSorted((a, b) => a - b);
    const at = (share: number) => Math.round((sorted[Math.floor(sorted.length * share)] ?? 0) * 10) / 10;
    const submitMs = [at(0.5), at(0.99), at(1 - 1e-9)] as const;
    return { jobs, clients, pictures, seconds, submitMs, server, unfairness, problems: this.#problems };
  }

  async #submit(client: number): Promise<void> {
    const { jobs, clients, real } = this.#options;
    for (let n = client; n < jobs; n += clients) {
      const asked = performance.now();
      const body = { prompt: `${n}`, steps: 2, seed: n, label: `${client}:${n}`, ...(real ? tiny : {}) };
      const answer = await this.#as(this.#tokenOf(client), 'POST', '/api/v1/jobs', body);
      this.#submitMs.push(performance.now() - asked);
      if (answer.status === 201) this.#accepted.add((answer.json as { job: JobFacts }).job.id);
      else this.#problems.push(`job ${n} was answered ${answer.status}: ${answer.text}`);
    }
  }

  /** What a client sees of its own: every job done, and as many pictures. */
  async #waitForAll(client: number): Promise<number> {
    const { jobs, clients } = this.#options;
    const token = this.#tokenOf(client);
    const wanted = Math.ceil((jobs - client) / clients);
    const open = '/api/v1/jobs?limit=1&state=queued&state=running&state=paused';
    while (((await this.#as(token, 'GET', open)).json as { jobs: unknown[] }).jobs.length > 0) await delay(500);
    const mine = (await this.#as(token, 'GET', '/api/v1/jobs?limit=1000')).json as { jobs: JobFacts[] };
    if (mine.jobs.length !== wanted) this.#problems.push(`client ${client} sees ${mine.jobs.length} of ${wanted} jobs`);
    for (const job of mine.jobs) {
      if (job.state !== 'done' || job.delivered !== 1)
        this.#problems.push(
          `job ${job.id} is ${job.state} with ${job.delivered} pictures: ${JSON.stringify(job.error)}`,
        );
      if (job.user !== `client-${client}`) this.#problems.push(`client ${client} sees a job of ${job.user}`);
    }
    const { total } = (await this.#as(token, 'GET', '/api/v1/images?limit=1')).json as { total: number };
    if (total !== wanted) this.#problems.push(`client ${client} has ${total} pictures, expected ${wanted}`);
    return total;
  }

  #judgeOrder(taken: readonly string[]): number {
    const { jobs, clients } = this.#options;
    const unfairness = unfairnessOf(taken, clients);
    if (unfairness > 1) this.#problems.push(`a client was ${unfairness} jobs ahead of another that waited`);
    if (taken.length !== jobs || new Set(taken).size !== jobs)
      this.#problems.push(`${taken.length} times a job was taken, ${new Set(taken).size} different ones of ${jobs}`);
    return unfairness;
  }

  async #verify(): Promise<void> {
    const folders = { dataDir: join(this.#root, 'data'), outputsDir: join(this.#root, 'outputs') };
    const promised = {
      jobs: this.#accepted,
      images: new Set<string>(),
      cancelled: new Set<string>(),
      ratings: new Map(),
    };
    this.#problems.push(...(await verifyStudio(folders, promised, { finished: true, fake: !this.#options.real })));
  }

  #tokenOf(client: number): string {
    return this.#server.tokens[`client-${client}`]!;
  }

  async #as(token: string, method: string, path: string, body?: unknown) {
    return await ask(this.#server.url, { method, path, token, body, agent: this.#agent });
  }
}

/** Of the order in which jobs were taken: how far the best served client was ever ahead of one that still waited. */
export function unfairnessOf(taken: readonly string[], clients: number): number {
  const clientOf = (label: string) => Number(label.split(':')[0]);
  const total = new Array<number>(clients).fill(0);
  for (const label of taken) total[clientOf(label)]!++;
  const served = new Array<number>(clients).fill(0);
  let worst = 0;
  for (const label of taken) {
    served[clientOf(label)]!++;
    const waiting = served.filter((count, client) => count < total[client]!);
    if (waiting.length > 0) worst = Math.max(worst, Math.max(...served) - Math.min(...waiting));
  }
  return worst;
}
