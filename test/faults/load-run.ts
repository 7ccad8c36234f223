/**
 * Many clients at once put jobs into one studio; in the end every job has been done once, in a fair order.
 *
 *     npx tsx test/faults/load-run.ts [jobs] [clients] [engine module]
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import type { Job } from '#studio/queue/job';
import { createStudio, type Studio } from '#studio/studio';
import { verifyStudio } from './verify.ts';

export interface LoadOptions {
  readonly jobs: number;
  readonly clients: number;
  /** Default the fake engine. */
  readonly engineModule?: string;
  /** Request fields of every job. */
  readonly request?: Readonly<Record<string, unknown>>;
}

export interface LoadReport {
  readonly jobs: number;
  readonly pictures: number;
  readonly seconds: number;
  /** Milliseconds from asking to having a job's id: median and worst. */
  readonly submitMs: readonly [median: number, worst: number];
  /** Longest that the event loop was held, milliseconds. */
  readonly loopHeldMs: number;
  /** Most by which one waiting client was ahead of another. */
  readonly unfairness: number;
  readonly problems: readonly string[];
}

const fakeEngine = fileURLToPath(new URL('../fixtures/fake-engine.ts', import.meta.url));

export async function loadRun(options: LoadOptions): Promise<LoadReport> {
  const root = mkdtempSync(join(tmpdir(), 'darkroom-load-'));
  const folders = { dataDir: join(root, 'data'), outputsDir: join(root, 'outputs') };
  const engineModule = options.engineModule ?? fakeEngine;
  const studio = await createStudio({ ...folders, engineModule, modelRoots: [], hashInBackground: false });
  try {
    await studio.warm();
    const { taken, submitMs, jobs, seconds, loopHeldMs } = await drive(studio, options);
    const pictures = studio.gallery.count();
    const problems = jobs.filter((job) => job.state !== 'done').map((job) => `job ${job.id} ended as ${job.state}`);
    await studio.close();
    if (engineModule === fakeEngine) problems.push(...(await verifyStudio(folders, promises(jobs), true)));
    const sorted = submitMs.toSorted((a, b) => a - b);
    const unfairness = unfairnessOf(taken, options.clients);
    if (unfairness > 1) problems.push(`a client was ${unfairness} jobs ahead of another that waited`);
    if (new Set(taken).size !== options.jobs)
      problems.push(`${new Set(taken).size} of ${options.jobs} jobs were taken`);
    const median = sorted[sorted.length >> 1] ?? 0;
    return {
      jobs: jobs.length,
      pictures,
      seconds,
      submitMs: [median, sorted.at(-1) ?? 0],
      loopHeldMs,
      unfairness,
      problems,
    };
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

async function drive(studio: Studio, options: LoadOptions) {
  const taken: string[] = [];
  studio.events.subscribe((event) => {
    if (event.type === 'job.changed' && event.data.state === 'running' && event.data.delivered === 0)
      taken.push(event.data.label!);
  });
  // Held back until all have asked, so that the order says something about fairness and not about arrival.
  await studio.queue.pause();
  const loop = monitorEventLoopDelay({ resolution: 5 });
  loop.enable();
  const began = performance.now();
  const submitMs: number[] = [];
  const clients = Array.from({ length: options.clients }, async (_, client) => {
    const own: Job[] = [];
    for (let n = client; n < options.jobs; n += options.clients) {
      const asked = performance.now();
      const request = { prompt: `${n}`, steps: 2, ...options.request };
      const [job] = await studio.submit({ user: `client-${client}`, label: `${client}:${n}`, request });
      submitMs.push(performance.now() - asked);
      own.push(job!);
    }
    return own;
  });
  const submitted = (await Promise.all(clients)).flat();
  const ended = Promise.all(submitted.map((job) => studio.wait(job.id)));
  await studio.queue.resume();
  const jobs = await ended;
  loop.disable();
  return { taken, submitMs, jobs, seconds: (performance.now() - began) / 1000, loopHeldMs: loop.max / 1e6 };
}

/** Of the order in which jobs were taken: how far the best served client was ever ahead of one that still waited. */
function unfairnessOf(taken: readonly string[], clients: number): number {
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

function promises(jobs: readonly Job[]) {
  const ids = new Set(jobs.map((job) => job.id));
  return {
    jobs: ids,
    images: new Set<string>(),
    cancelled: new Set<string>(),
    ratings: new Map<string, Set<number>>(),
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [jobs = '1000', clients = '50', engine] = process.argv.slice(2);
  const module = engine === undefined ? {} : { engineModule: resolve(engine) };
  const report = await loadRun({ jobs: Number(jobs), clients: Number(clients), ...module });
  process.stdout.write(`${JSON.stringify(report, undefined, 2)}\n`);
  process.exitCode = report.problems.length === 0 ? 0 : 1;
}
