/** `/api/v1/jobs` and `/api/v1/queue`: asking for pictures, and everything that can be done with what waits. */

import { z } from 'zod';
import { UserError } from '#core/errors';
import { type Job, jobStates, type Place } from '#studio/queue/job';
import type { Studio, SubmitInput } from '#studio/studio';
import { parseJson, pictureMaxBody } from '../http/body.ts';
import { type Call, maySee, requireRole, scopeOf } from '../http/call.ts';
import { check, coerceFields } from '../http/check.ts';
import { type MultipartBody, type Route, route } from '../http/route.ts';
import { type PictureSources, readPicture } from '../pictures.ts';
import { imageOut, imageSchema } from './image-schemas.ts';
import {
  idParams,
  type JobInput,
  jobInputSchema,
  jobOut,
  jobPageSchema,
  jobSchema,
  progressSchema,
  queueStateSchema,
} from './job-schemas.ts';

export interface JobRouteParts {
  readonly studio: Studio;
  readonly pictures: PictureSources;
}

const filterSchema = z.object({
  state: z.array(z.enum(jobStates)).optional().describe('Only jobs in these states; may be repeated.'),
  batch: z.string().optional(),
  user: z.string().optional().describe('Admins and viewers: only this user’s.'),
});

const tag = 'Jobs';

export function jobRoutes({ studio, pictures }: JobRouteParts): Route[] {
  return [
    route({
      method: 'post',
      path: '/jobs',
      operation: 'submitJob',
      tag,
      role: 'user',
      summary: 'Queue one job. As multipart, pictures are files named init and mask, other fields form fields.',
      query: z.object({
        wait: z.boolean().default(false).describe('Answer when the job has ended, with its pictures.'),
      }),
      body: jobInputSchema,
      fromMultipart: jobInputOfForm,
      maxBody: pictureMaxBody,
      answer: {
        status: 201,
        description: 'The job.',
        schema: z.object({ job: jobSchema, images: z.array(imageSchema).optional() }),
      },
      async handle({ body, query }, call) {
        const [job] = await studio.submit(await submission(body, call, pictures));
        if (!query.wait) return { job: jobOut(job!) };
        const ended = await studio.wait(job!.id, call.signal);
        const { images } = studio.gallery.search({ job: ended.id, order: 'oldest', limit: 500 });
        return { job: jobOut(ended), images: images.map(imageOut) };
      },
    }),
    route({
      method: 'post',
      path: '/jobs/batch',
      operation: 'submitJobs',
      tag,
      role: 'user',
      summary: 'Queue several jobs together; all of them or none.',
      body: z.strictObject({ jobs: z.array(jobInputSchema).min(1).max(1000) }),
      maxBody: pictureMaxBody,
      answer: { status: 201, description: 'The jobs, in order.', schema: z.object({ jobs: z.array(jobSchema) }) },
      async handle({ body }, call) {
        const inputs: SubmitInput[] = [];
        for (const input of body.jobs) inputs.push(await submission(input, call, pictures));
        return { jobs: (await studio.submit(inputs)).map(jobOut) };
      },
    }),
    route({
      method: 'get',
      path: '/jobs',
      operation: 'listJobs',
      tag,
      role: 'viewer',
      summary: 'Jobs, newest first or in the order in which they will run.',
      query: filterSchema.extend({
        order: z.enum(['recent', 'next']).default('recent'),
        limit: z.int().min(1).max(1000).default(100),
        cursor: z.string().max(100).optional(),
      }),
      answer: { description: 'A page of jobs.', schema: jobPageSchema },
      async handle({ query }, call) {
        const { order, limit, cursor } = query;
        const page = await studio.queue.list({
          ...filterOf(query, call),
          order,
          limit,
          ...(cursor === undefined ? {} : { cursor }),
        });
        return { ...page, jobs: page.jobs.map(jobOut) };
      },
    }),
    ...oneJobRoutes({ studio, pictures }),
    ...queueRoutes(studio),
  ];
}

function oneJobRoutes({ studio }: JobRouteParts): Route[] {
  const changes = {
    tag,
    role: 'user',
    params: idParams,
    answer: { description: 'The job.', schema: jobSchema },
  } as const;
  return [
    route({
      method: 'get',
      path: '/jobs/{id}',
      operation: 'getJob',
      tag,
      role: 'viewer',
      summary: 'One job, how far it is, and the pictures it has made.',
      params: idParams,
      answer: {
        description: 'The job.',
        schema: z.object({ job: jobSchema, progress: progressSchema.optional(), images: z.array(imageSchema) }),
      },
      async handle({ params }, call) {
        const job = await ownJob(studio, params.id, call);
        const progress = studio.progress.get(job.id);
        const { images } = studio.gallery.search({ job: job.id, order: 'oldest', limit: 500 });
        return { job: jobOut(job), ...(progress ? { progress } : {}), images: images.map(imageOut) };
      },
    }),
    route({
      method: 'get',
      path: '/jobs/{id}/preview',
      operation: 'getPreview',
      tag,
      role: 'viewer',
      summary: 'The latest preview of a running job.',
      params: idParams,
      query: z.object({ index: z.int().min(0).default(0).describe('Which picture of the batch.') }),
      answer: { description: 'A JPEG.', type: 'image/jpeg' },
      async handle({ params, query }, call) {
        await ownJob(studio, params.id, call);
        const preview = studio.progress.previews(params.id)[query.index];
        if (!preview) throw new UserError('preview.unknown', `Job ${params.id} has no preview now.`);
        return new Response(preview as Uint8Array<ArrayBuffer>, {
          headers: { 'content-type': 'image/jpeg', 'cache-control': 'no-store' },
        });
      },
    }),
    route({
      method: 'get',
      path: '/jobs/{id}/inputs/{role}',
      operation: 'getJobInput',
      tag,
      role: 'viewer',
      summary: 'A picture that a job starts from.',
      params: idParams.extend({ role: z.enum(['init', 'mask']) }),
      answer: { description: 'A PNG.', type: 'image/png' },
      async handle({ params }, call) {
        await ownJob(studio, params.id, call);
        const bytes = await studio.input(params.id, params.role);
        if (!bytes) throw new UserError('input.unknown', `Job ${params.id} has no ${params.role} picture.`);
        return new Response(bytes as Uint8Array<ArrayBuffer>, { headers: { 'content-type': 'image/png' } });
      },
    }),
    route({
      ...changes,
      method: 'post',
      path: '/jobs/{id}/cancel',
      operation: 'cancelJob',
      summary: 'End a job: a running one after its step, or at once with hard.',
      body: z.strictObject({ hard: z.boolean().default(false) }),
      handle: async ({ params, body }, call) => {
        await ownJob(studio, params.id, call);
        return jobOut(await studio.cancel(params.id, { hard: body.hard }));
      },
    }),
    route({
      ...changes,
      method: 'post',
      path: '/jobs/{id}/retry',
      operation: 'retryJob',
      summary: 'Let a failed or cancelled job wait again; pictures that are there are not made twice.',
      handle: async ({ params }, call) => {
        await ownJob(studio, params.id, call);
        return jobOut(await studio.queue.retry(params.id));
      },
    }),
    ...(['pause', 'resume'] as const).map((verb) =>
      route({
        ...changes,
        method: 'post',
        path: `/jobs/{id}/${verb}`,
        operation: `${verb}Job`,
        summary: verb === 'pause' ? 'Keep a waiting job from running.' : 'Let a held job wait again.',
        handle: async ({ params }, call) => {
          await ownJob(studio, params.id, call);
          await studio.queue[`${verb}Jobs`]({ id: params.id });
          return jobOut(await ownJob(studio, params.id, call));
        },
      }),
    ),
    route({
      ...changes,
      method: 'post',
      path: '/jobs/{id}/move',
      operation: 'moveJob',
      summary: 'Put a waiting job elsewhere in its owner’s line.',
      body: z
        .strictObject({
          to: z.enum(['front', 'back']).optional(),
          before: z.string().optional().describe('Id of the job it goes before.'),
          after: z.string().optional(),
        })
        .refine((place) => Object.values(place).filter(Boolean).length === 1, 'give one of to, before and after'),
      handle: async ({ params, body }, call) => {
        await ownJob(studio, params.id, call);
        const neighbour = body.before ?? body.after;
        if (neighbour !== undefined) await ownJob(studio, neighbour, call);
        const place: Place = body.to ?? (body.before === undefined ? { after: body.after! } : { before: body.before });
        return jobOut(await studio.queue.move(params.id, place));
      },
    }),
    route({
      ...changes,
      method: 'post',
      path: '/jobs/{id}/priority',
      operation: 'setPriority',
      summary: 'Give a waiting job another priority; above 0 for admins only.',
      body: z.strictObject({ priority: z.int().min(-100).max(100) }),
      handle: async ({ params, body }, call) => {
        await ownJob(studio, params.id, call);
        if (body.priority > 0) requireRole(call.caller, 'admin');
        return jobOut(await studio.queue.setPriority(params.id, body.priority));
      },
    }),
  ];
}

function queueRoutes(studio: Studio): Route[] {
  const state = { description: 'The queue.', schema: queueStateSchema };
  return [
    route({
      method: 'get',
      path: '/queue',
      operation: 'getQueue',
      tag,
      role: 'viewer',
      summary: 'Whether the queue runs, and how many jobs are in each state.',
      answer: state,
      handle: async () => await studio.queue.state(),
    }),
    route({
      method: 'post',
      path: '/queue/pause',
      operation: 'pauseQueue',
      tag,
      role: 'admin',
      summary: 'Start no more jobs; the running one goes on.',
      body: z.strictObject({ reason: z.string().max(500).optional() }),
      answer: state,
      async handle({ body }) {
        await studio.queue.pause(body.reason);
        return await studio.queue.state();
      },
    }),
    route({
      method: 'post',
      path: '/queue/resume',
      operation: 'resumeQueue',
      tag,
      role: 'admin',
      summary: 'Start jobs again.',
      answer: state,
      async handle() {
        await studio.queue.resume();
        return await studio.queue.state();
      },
    }),
    route({
      method: 'post',
      path: '/queue/cancel',
      operation: 'cancelJobs',
      tag,
      role: 'user',
      summary: 'Cancel every job that waits or runs.',
      query: filterSchema.pick({ batch: true, user: true }),
      answer: { description: 'How many.', schema: z.object({ cancelled: z.int() }) },
      handle: async ({ query }, call) => ({ cancelled: await studio.cancelAll(filterOf(query, call)) }),
    }),
    route({
      method: 'post',
      path: '/queue/clear',
      operation: 'clearJobs',
      tag,
      role: 'user',
      summary: 'Forget ended jobs; their pictures stay.',
      query: filterSchema,
      answer: { description: 'How many.', schema: z.object({ removed: z.int() }) },
      handle: async ({ query }, call) => ({ removed: await studio.clear(filterOf(query, call)) }),
    }),
  ];
}

/** @throws UserError `job.unknown`, also for jobs that are not the caller's business */
export async function ownJob(studio: Studio, id: string, call: Call): Promise<Job> {
  const job = await studio.queue.get(id);
  if (!job || !maySee(call.caller, job.user)) throw new UserError('job.unknown', `There is no job ${id}.`);
  return job;
}

function filterOf(
  query: { state?: Job['state'][] | undefined; batch?: string | undefined; user?: string | undefined },
  call: Call,
) {
  const user = scopeOf(call.caller) ?? query.user;
  return {
    ...(user === undefined ? {} : { user }),
    ...(query.state === undefined ? {} : { states: query.state }),
    ...(query.batch === undefined ? {} : { batch: query.batch }),
  };
}

/** What the studio is to queue. @throws UserError of a picture that cannot be read, or of a priority not allowed */
export async function submission(input: JobInput, call: Call, sources: PictureSources): Promise<SubmitInput> {
  const { init, mask, priority, label, ...request } = input;
  if (priority > 0) requireRole(call.caller, 'admin');
  const read = async (text: string) => await readPicture(text, call.caller, sources, call.signal);
  return {
    request: {
      ...definedOnly(request),
      ...(init === undefined ? {} : { init: await read(init) }),
      ...(mask === undefined ? {} : { mask: await read(mask) }),
    },
    user: call.caller.name,
    priority,
    ...(label === undefined ? {} : { label }),
  };
}

type Defined<T> = { [K in keyof T]: Exclude<T[K], undefined> };

/** Optional fields that are undefined become absent ones. */
function definedOnly<T extends object>(value: T): Defined<T> {
  return Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined)) as Defined<T>;
}

/** `request` may hold all fields as JSON; single fields go before it; files are pictures. */
export function jobInputOfForm({ fields, files }: MultipartBody): unknown {
  const { request, ...texts } = Object.fromEntries(fields) as Record<string, readonly string[]>;
  const json = request === undefined ? {} : parseJson(Buffer.from(request.at(-1)!));
  const whole = check(z.record(z.string(), z.unknown()), json, 'request');
  const pictures = [...files].map(([name, list]) => [name, Buffer.from(list[0]!).toString('base64')] as const);
  return { ...whole, ...coerceFields(jobInputSchema, Object.entries(texts)), ...Object.fromEntries(pictures) };
}
