/** Handlers of jobs and the queue. */

import type { z } from 'zod';
import { FieldError } from '#api/check';
import type { jobInputSchema, jobs, queue } from '#api/operations/jobs';
import type { series } from '#api/operations/series';
import { controlRoles, type InputRole, type Job } from '#api/records/job';
import type { JobKind } from '#api/records/job-kinds';
import type { JobState } from '#api/records/job-state';
import { type Caller, maySee, requireEffect, scopeOf } from '#api/rights';
import { UserError } from '#core/errors';
import type { SeriesForm } from '#pipelines/series/form';
import { loopback } from '#pipelines/series/loopback';
import { matrix } from '#pipelines/series/matrix';
import { plot } from '#pipelines/series/plot';
import { promptList } from '#pipelines/series/prompt-list';
import { inTurns } from '../events/next-turn.ts';
import type { JobFilter, Place } from '../queue/job.ts';
import { unknownJob } from '../queue/unknown-job.ts';
import type { Upload } from '../reader/large-bodies.ts';
import type { StudioFolder } from '../studio-folder.ts';
import { finishedJob } from '../work/finished-job.ts';
import type { SubmitInput } from '../work/intake.ts';
import type { Context, HandlersOf } from './context.ts';
import { toldJob, toldPicture } from './told.ts';

export const jobHandlers = {
  async submitJob({ wait, ...input }, context) {
    const { studio, caller } = context;
    const [job] = await studio.submit(await submission(input, context));
    if (!wait) return { job: toldJob(job!, caller) };
    const ended = await studio.wait(job!.id, context.signal);
    return { job: toldJob(ended, caller), images: await picturesOf(studio, ended) };
  },
  async planJob(input, context) {
    const { memory, seconds, warnings } = await context.studio.estimate(
      await submission({ ...input, priority: 0 }, context),
      context.signal,
    );
    return {
      memoryBytes: memory?.peak,
      freeBytes: memory?.limit,
      plan: memory?.plan,
      seconds,
      warnings: [...warnings],
    };
  },
  async submitJobs({ jobs: list }, context) {
    const inputs: SubmitInput[] = [];
    for await (const input of inTurns(list)) inputs.push(await submission(input, context));
    const jobs: Job[] = [];
    for await (const job of inTurns(await context.studio.submit(inputs))) jobs.push(toldJob(job, context.caller));
    return { jobs };
  },
  async generate(input, context) {
    const many = (['batchSize', 'batchCount'] as const).find((field) => (input[field] ?? 1) > 1);
    if (many) throw new FieldError(many, `${many}: here it is one picture; POST /api/v1/jobs makes several.`);
    const { studio } = context;
    const [submitted] = await studio.submit(await submission(input, context));
    const job = await finishedJob(studio, submitted!.id, context.signal);
    const [image] = studio.gallery.search({ job: job.id }).images;
    if (!image) throw new UserError('job.cancelled', `Job ${job.id} was cancelled before it had a picture.`);
    const { id, format } = image;
    return { type: `image/${format}`, body: await studio.gallery.read(id), picture: id, warnings: job.warnings };
  },
  async upscale({ wait, init, priority, label, ...request }, context) {
    const { studio, caller, readPicture, signal } = context;
    if (priority > 0) requireEffect(caller, 'queue');
    const picture = await readPicture(init);
    const job = await studio.submitUpscale({ request, picture, user: caller.name, priority, label });
    if (!wait) return { job: toldJob(job, caller) };
    const ended = await studio.wait(job.id, signal);
    return { job: toldJob(ended, caller), images: await picturesOf(studio, ended) };
  },
  async listJobs({ order, limit, cursor, ...filter }, { studio, caller }) {
    const page = await studio.queue.list({ ...filterOf(filter, caller), order, limit, cursor });
    return { ...page, jobs: page.jobs.map((job) => toldJob(job, caller)) };
  },
  async getJob({ id }, { studio, caller }) {
    const job = await ownJob(studio, id, caller);
    // Known only where it runs.
    const progress = progressOf(studio, id);
    return { job: toldJob(job, caller), progress, images: await picturesOf(studio, job) };
  },
  async getSteps({ id }, { studio, caller }) {
    await ownJob(studio, id, caller);
    return { steps: (await studio.keptSteps.read(id)) ?? [] };
  },
  async getPreview({ id, index }, { studio, caller }) {
    await ownJob(studio, id, caller);
    const body = studio.progress.previews(id)[index];
    if (!body) throw new UserError('preview.unknown', `Job ${id} has no preview now.`);
    return { type: 'image/jpeg', body };
  },
  async getJobInput({ id, role }, { studio, caller }) {
    await ownJob(studio, id, caller);
    const body = await studio.input(id, role);
    if (!body) throw new UserError('input.unknown', `Job ${id} has no ${role} picture.`);
    return { type: 'image/png', body };
  },
  async cancelJob({ id, hard }, { studio, caller }) {
    await ownJob(studio, id, caller);
    return toldJob(await studio.cancel(id, { hard }), caller);
  },
  async retryJob({ id }, { studio, caller }) {
    await ownJob(studio, id, caller);
    return toldJob(await studio.queue.retry(id), caller);
  },
  async pauseJob({ id }, { studio, caller }) {
    await ownJob(studio, id, caller);
    return toldJob(await studio.pause(id), caller);
  },
  async skipBatch({ id }, { studio, caller }) {
    const job = await ownJob(studio, id, caller);
    if (job.state !== 'running')
      throw new UserError('job.state', `Job ${id} is ${job.state}; only a running job has a batch to skip.`);
    studio.skip(id);
    return toldJob(job, caller);
  },
  async resumeJob({ id }, { studio, caller }) {
    const { state } = await ownJob(studio, id, caller);
    const [resumed] = await studio.queue.resumeJobs({ id });
    if (!resumed) throw new UserError('job.state', `Job ${id} is ${state}; only paused jobs can be resumed.`);
    return toldJob(resumed, caller);
  },
  async moveJob({ id, to, before, after }, { studio, caller }) {
    await ownJob(studio, id, caller);
    const neighbour = before ?? after;
    if (neighbour !== undefined) await ownJob(studio, neighbour, caller);
    const place: Place = to ?? (before === undefined ? { after: after! } : { before });
    return toldJob(await studio.queue.move(id, place), caller);
  },
  async setPriority({ id, priority }, { studio, caller }) {
    await ownJob(studio, id, caller);
    if (priority > 0) requireEffect(caller, 'queue');
    return toldJob(await studio.queue.setPriority(id, priority), caller);
  },
} satisfies HandlersOf<typeof jobs>;

export const seriesHandlers = {
  plotPictures: async (input, context) => await queuedSeries(plot, input, context),
  promptMatrix: async (input, context) => await queuedSeries(matrix, input, context),
  promptLines: async (input, context) => await queuedSeries(promptList, input, context),
  loopBack: async (input, context) => await queuedSeries(loopback, input, context),
} satisfies HandlersOf<typeof series>;

async function queuedSeries(
  { name: form, schema }: Pick<SeriesForm, 'name' | 'schema'>,
  { wait, ...input }: z.output<typeof jobInputSchema> & { readonly wait: boolean },
  context: Context<true>,
) {
  const { studio, caller, signal } = context;
  const isOwn = ([field]: [string, unknown]): boolean => Object.hasOwn(schema.shape, field);
  const settings = Object.fromEntries(Object.entries(input).filter(isOwn));
  const request = Object.fromEntries(Object.entries(input).filter((entry) => !isOwn(entry)));
  const asked = await submission(request as z.output<typeof jobInputSchema>, context);
  const [job] = await studio.submit({ ...asked, series: { form, settings } });
  if (!wait) return { job: toldJob(job!, caller) };
  const ended = await studio.wait(job!.id, signal);
  return { job: toldJob(ended, caller), images: await picturesOf(studio, ended) };
}

export const queueHandlers = {
  getQueue: async (_input, { studio }) => await studio.queue.state(),
  async getLine({ limit, ...filter }, { studio, caller }) {
    const line = await studio.line(filterOf(filter, caller), limit);
    return { ...line, jobs: line.jobs.map((job) => toldJob(job, caller)) };
  },
  async pauseQueue({ reason }, { studio }) {
    await studio.queue.pause(reason);
    return await studio.queue.state();
  },
  async resumeQueue(_input, { studio }) {
    await studio.queue.resume();
    return await studio.queue.state();
  },
  cancelJobs: async (filter, { studio, caller }) => ({ cancelled: await studio.cancelAll(filterOf(filter, caller)) }),
  retryJobs: async (filter, { studio, caller }) => ({ retried: await studio.retryAll(filterOf(filter, caller)) }),
  clearJobs: async (filter, { studio, caller }) => ({ removed: await studio.clear(filterOf(filter, caller)) }),
} satisfies HandlersOf<typeof queue>;

/** @throws UserError `job.unknown`, also for jobs that are not the caller's business */
export async function ownJob(studio: StudioFolder, id: string, caller: Caller): Promise<Job> {
  const job = await studio.queue.get(id);
  if (!job || !maySee(caller, job.user)) throw unknownJob(id);
  return job;
}

/** @throws UserError of the kind when the job is of another: `lab.unknown`, `training.unknown` */
export async function ownJobOf(kind: JobKind, studio: StudioFolder, id: string, caller: Caller): Promise<Job> {
  const job = await ownJob(studio, id, caller);
  if (job.kind === kind) return job;
  throw new UserError(`${kind}.unknown`, `Job ${id} is no ${kind} but a ${job.kind}.`);
}

/** How far it is, where a studio runs for the folder. */
export function progressOf(studio: StudioFolder, id: string) {
  return 'progress' in studio ? (studio as Context<true>['studio']).progress.get(id) : undefined;
}

async function picturesOf({ gallery }: StudioFolder, job: Job) {
  return (await gallery.ofJob(job.id)).map(toldPicture);
}

interface FilterFields {
  readonly kind: JobKind[];
  readonly state?: JobState[] | undefined;
  readonly batch?: string | undefined;
  readonly user?: string | undefined;
}

function filterOf({ kind, state, batch, user }: FilterFields, caller: Caller): JobFilter {
  return { kinds: kind, states: state, batch, user: scopeOf(caller) ?? user };
}

/** What the studio is to queue. @throws UserError of a picture that cannot be read, or of a priority not allowed */
async function submission(
  input: z.output<typeof jobInputSchema>,
  { caller, readPicture }: Pick<Context, 'caller' | 'readPicture'>,
): Promise<SubmitInput> {
  const { init, mask, latentMask, controls = [], priority, label, ...request } = input;
  if (priority > 0) requireEffect(caller, 'queue');
  const read = async (source: string | undefined) => (source === undefined ? undefined : await readPicture(source));
  const pictures: Partial<Record<InputRole, Upload | undefined>> = {
    init: await read(init),
    mask: await read(mask),
    'latent-mask': await read(latentMask),
  };
  for (const [i, unit] of controls.entries()) {
    pictures[controlRoles[i]!.image] = await read(unit.image);
    pictures[controlRoles[i]!.mask] = await read(unit.mask);
  }
  return {
    request: { ...request, controls: controls.map(({ image: _image, mask: _mask, ...unit }) => unit) },
    pictures,
    user: caller.name,
    priority,
    label,
  };
}
