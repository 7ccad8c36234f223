/**
 * Progress, interrupting, and the routes that upstream's own page polls. Upstream runs one request at a time; here the
 * "current" job is the oldest of the caller's that runs.
 */

import { availableParallelism, cpus, freemem, totalmem } from 'node:os';
import { z } from 'zod';
import type { JobProgress } from '#api/records/job';
import type { PictureJob } from '#studio/queue/job';
import type { Studio } from '#studio/studio';
import { type Caller, scopeOf } from '../http/call.ts';
import { type Route, route } from '../http/route.ts';
import { timestamp } from './generation-routes.ts';
import type { A1111Parts } from './parts.ts';
import { bool } from './pydantic.ts';

const empty = z.looseObject({});
const tag = 'A1111';

const progressSchema = z.object({
  progress: z.number(),
  eta_relative: z.number().describe('Seconds.'),
  state: z.object({
    skipped: z.boolean(),
    interrupted: z.boolean(),
    stopping_generation: z.boolean(),
    job: z.string(),
    job_count: z.int(),
    job_timestamp: z.string(),
    job_no: z.int(),
    sampling_step: z.int(),
    sampling_steps: z.int(),
  }),
  current_image: z.string().nullable(),
  textinfo: z.string().nullable(),
});

export function progressRoutes({ studio }: A1111Parts): Route[] {
  return [
    route({
      method: 'get',
      path: '/progress',
      operation: 'a1111Progress',
      tag,
      role: 'viewer',
      summary: 'How far the running job is, with its preview.',
      query: z.object({ skip_current_image: bool }),
      answer: { description: 'Progress; 0 when nothing runs.', schema: progressSchema },
      async handle({ query }, call) {
        const job = await runningJob(studio, call.caller);
        return progressOf(studio, job, !query.skip_current_image);
      },
    }),
    route({
      method: 'post',
      path: '/interrupt',
      operation: 'a1111Interrupt',
      tag,
      role: 'user',
      summary: 'End the running job; its request is answered with what is finished and half done. Waiting ones go on.',
      answer: { description: 'Nothing.', schema: empty },
      async handle(_input, call) {
        const job = await runningJob(studio, call.caller);
        if (job) await studio.cancel(job.id, { partial: true });
        return {};
      },
    }),
    route({
      method: 'post',
      path: '/skip',
      operation: 'a1111Skip',
      tag,
      role: 'user',
      summary: 'End the batch that is drawn as far as it has come; the job goes on with the next one.',
      answer: { description: 'Nothing.', schema: z.null() },
      async handle(_input, call) {
        const job = await runningJob(studio, call.caller);
        if (job) studio.skip(job.id);
        return null;
      },
    }),
  ];
}

const pageRoute = { tag: 'A1111 page', role: 'viewer' } as const;

export function internalRoutes(parts: A1111Parts): Route[] {
  const get = { ...pageRoute, method: 'get' } as const;
  return [
    route({
      ...get,
      path: '/sysinfo',
      operation: 'a1111Sysinfo',
      summary: 'What it runs on, and all options.',
      answer: { description: 'Facts.', schema: empty },
      handle: () => systemFacts(parts),
    }),
    route({
      ...get,
      path: '/ping',
      operation: 'a1111Ping',
      summary: 'Whether the server is there.',
      answer: { description: 'Nothing.', schema: empty },
      handle: () => ({}),
    }),
    route({
      ...get,
      path: '/pending-tasks',
      operation: 'a1111PendingTasks',
      summary: 'Tasks that wait.',
      answer: { description: 'Their ids.', schema: z.object({ size: z.int(), tasks: z.array(z.string()) }) },
      async handle(_input, call) {
        const which = { kinds: ['picture'], states: ['queued'], order: 'next', limit: 1000 } as const;
        const { jobs } = await parts.studio.queue.list({ ...scopeFilter(call.caller), ...which });
        return { size: jobs.length, tasks: jobs.map(taskId) };
      },
    }),
    route({
      ...get,
      path: '/quicksettings-hint',
      operation: 'a1111QuicksettingsHint',
      summary: 'Names of settings.',
      answer: { description: 'None here.', schema: z.array(z.unknown()) },
      handle: () => [],
    }),
    taskProgressRoute(parts),
  ];
}

function systemFacts({ options, version }: A1111Parts): object {
  return {
    Platform: `${process.platform} ${process.arch}, Node ${process.version}`,
    Version: `Darkroom ${version}`,
    CPU: { model: cpus()[0]?.model ?? '', 'count logical': availableParallelism() },
    RAM: { total: gigabytes(totalmem()), used: gigabytes(totalmem() - freemem()), free: gigabytes(freemem()) },
    Extensions: [],
    'Inactive extensions': [],
    Config: options.get(),
  };
}

function taskProgressRoute({ studio }: A1111Parts): Route {
  return route({
    ...pageRoute,
    method: 'post',
    path: '/progress',
    operation: 'a1111TaskProgress',
    summary: 'How far one task is, by its force_task_id or job id.',
    body: z.looseObject({
      id_task: z.string().max(200).nullish(),
      id_live_preview: z.int().default(-1),
      live_preview: z.boolean().default(true),
    }),
    answer: {
      description: 'Progress.',
      schema: z.looseObject({ active: z.boolean(), queued: z.boolean(), completed: z.boolean() }),
    },
    async handle({ body }, call) {
      const job = await findTask(studio, body.id_task ?? '', call.caller);
      const running = job?.state === 'running';
      const queued = job?.state === 'queued' || job?.state === 'paused';
      const completed = job !== undefined && !running && job.finishedAt !== undefined;
      const shown = body.live_preview ? body.id_live_preview : undefined;
      const told = running ? runningTask(studio, job, shown) : idleTask(queued);
      return { active: running, queued, completed, ...told };
    },
  });
}

function idleTask(queued: boolean) {
  const textinfo = queued ? 'In queue...' : 'Waiting...';
  return { progress: null, eta: null, live_preview: null, id_live_preview: -1, textinfo };
}

/** @param shown the preview that the page has; undefined where it wants none */
function runningTask(studio: Studio, job: PictureJob, shown: number | undefined) {
  const live = studio.progress.get(job.id);
  const isNew = live !== undefined && shown !== undefined && live.preview !== shown;
  const [preview] = isNew ? studio.progress.previews(job.id) : [];
  return {
    progress: progressOf(studio, job, false).progress,
    eta: live?.eta ?? null,
    live_preview: preview ? `data:image/jpeg;base64,${Buffer.from(preview).toString('base64')}` : null,
    id_live_preview: live?.preview ?? -1,
    textinfo: null,
  };
}

function gigabytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 30)}GB`;
}

async function runningJob(studio: Studio, caller: Caller): Promise<PictureJob | undefined> {
  const { jobs } = await studio.queue.list({
    ...scopeFilter(caller),
    kinds: ['picture'],
    states: ['running'],
    limit: 100,
  });
  return jobs.reduce<PictureJob | undefined>(
    (oldest, job) => ((job.startedAt ?? 0) < (oldest?.startedAt ?? Infinity) ? job : oldest),
    undefined,
  );
}

async function findTask(studio: Studio, id: string, caller: Caller): Promise<PictureJob | undefined> {
  const { jobs } = await studio.queue.list({ ...scopeFilter(caller), kinds: ['picture'], limit: 1000 });
  return jobs.find((job) => taskId(job) === id || job.id === id);
}

function taskId(job: PictureJob): string {
  return job.label ?? job.id;
}

function scopeFilter(caller: Caller): { user?: string } {
  const user = scopeOf(caller);
  return user === undefined ? {} : { user };
}

function progressOf(studio: Studio, job: PictureJob | undefined, withImage: boolean): z.input<typeof progressSchema> {
  const live = job && studio.progress.get(job.id);
  const preview = live && withImage ? studio.progress.previews(live.id)[0] : undefined;
  const progress = live ? fraction(live) : 0;
  const elapsed = job?.startedAt === undefined ? 0 : (Date.now() - job.startedAt) / 1000;
  return {
    progress,
    eta_relative: progress === 0 ? 0 : (live?.eta ?? elapsed / progress - elapsed),
    state: {
      skipped: false,
      interrupted: job?.cancelRequested ?? false,
      stopping_generation: false,
      job: live ? `Batch ${live.batch + 1} out of ${live.batches}` : '',
      job_count: live?.batches ?? 0,
      job_timestamp: timestamp(job?.startedAt ?? Date.now()),
      job_no: live?.batch ?? 0,
      sampling_step: live?.step ?? 0,
      sampling_steps: live?.steps ?? 0,
    },
    current_image: preview ? Buffer.from(preview).toString('base64') : null,
    textinfo: null,
  };
}

/** Upstream's formula: never 0 once a job runs. */
function fraction({ batch, batches, step, steps }: JobProgress): number {
  return Math.min(1, 0.01 + batch / batches + (steps === 0 ? 0 : step / steps / batches));
}
