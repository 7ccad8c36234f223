/** Asking for pictures, and everything that can be done with one job. */

import { z } from 'zod';
import { controlUnitFields, inOrder, maxControls } from '#pipelines/control/unit';
import { generateSchema } from '#pipelines/request';
import { openShape } from '#pipelines/settings/index';
import { upscaleSchema } from '#pipelines/upscale/request';
import { operation } from '../operation.ts';
import { pictureText } from '../picture-text.ts';
import { idOf } from '../records/id.ts';
import { type InputRole, inputRoles, jobSchema, progressSchema, queueStateSchema } from '../records/job.ts';
import { jobKinds } from '../records/job-kinds.ts';
import { jobStates } from '../records/job-state.ts';
import { pictureSchema } from '../records/picture.ts';
import { stepSchema } from '../records/steps.ts';

const tag = 'Jobs';
const changes = ['own work'] as const;
const id = idOf('job');

/** A unit of control with its pictures. */
const controlInputSchema = inOrder(
  controlUnitFields.extend({
    image: pictureText.optional().describe('What the unit looks at; init when left out.'),
    mask: pictureText.optional().describe('White is repainted, for modules that inpaint; else where the unit acts.'),
  }),
);

/** A job as it is asked for. */
export const jobInputSchema = z.strictObject({
  ...generateSchema.shape,
  ...openShape,
  init: pictureText.optional().describe('Start of picture to picture.').meta({ label: 'Start picture' }),
  mask: pictureText.optional().describe('White (or opaque) is repainted; needs init.').meta({ label: 'Mask' }),
  latentMask: pictureText
    .optional()
    .describe('White is drawn anew in the latent, whatever the mask then shows of it; needs mask.')
    .meta({ control: 'none' }),
  controls: z
    .array(controlInputSchema)
    .max(maxControls)
    .optional()
    .meta({ ...generateSchema.shape.controls.meta() }),
  priority: z
    .int()
    .min(-100)
    .max(100)
    .default(0)
    .describe('Higher goes first; above 0 for admins only.')
    .meta({ control: 'none' }),
  label: z.string().max(200).optional().describe('A name of your own for the job.').meta({ control: 'none' }),
});

/** Which jobs are meant. */
export const jobFilter = {
  kind: z.array(z.enum(jobKinds)).default(['picture']).describe('Jobs of these kinds; may be repeated.'),
  state: z.array(z.enum(jobStates)).optional().describe('Only jobs in these states; may be repeated.'),
  batch: z.string().optional().describe('Only those submitted together.').meta({ flag: false }),
  user: z.string().optional().describe('Admins and viewers: only this user’s.'),
};

export const jobs = {
  submitJob: operation({
    method: 'post',
    path: '/jobs',
    tag,
    changes,
    runs: true,
    form: true,
    summary: 'Queue one job. As multipart, pictures are files named init and mask, other fields form fields.',
    input: jobInputSchema.extend({
      wait: z
        .boolean()
        .default(false)
        .describe('Answer when the job has ended, with its pictures.')
        .meta({ in: 'query' }),
    }),
    output: z.object({ job: jobSchema, images: z.array(pictureSchema).optional() }),
    status: 201,
  }),
  planJob: operation({
    method: 'post',
    path: '/jobs/plan',
    tag,
    changes,
    runs: true,
    summary: 'What a job would take, without drawing it: memory by the model’s file, time by earlier pictures.',
    input: jobInputSchema.omit({ priority: true, label: true }),
    output: z.object({
      memoryBytes: z.number().optional().describe('Most that its process would have; on the CPU only.'),
      freeBytes: z.number().optional().describe('What that process may take now.'),
      plan: z.string().optional().describe('How it would keep within that.'),
      seconds: z.number().optional().describe('About; left out before the first picture of the model.'),
      warnings: z.array(z.string()).describe('What would not act as asked for.'),
    }),
  }),
  submitJobs: operation({
    method: 'post',
    path: '/jobs/batch',
    tag,
    changes,
    runs: true,
    form: true,
    summary: 'Queue several jobs together; all of them or none.',
    input: z.object({ jobs: z.array(jobInputSchema).min(1).max(1000) }),
    output: z.object({ jobs: z.array(jobSchema) }),
    status: 201,
  }),
  generate: operation({
    method: 'post',
    path: '/generate',
    tag,
    changes,
    runs: true,
    form: true,
    kind: 'file',
    media: 'image/*',
    summary: 'One picture, answered as its file; its id is in x-darkroom-image. A client that leaves cancels it.',
    input: jobInputSchema,
  }),
  upscale: operation({
    method: 'post',
    path: '/upscale',
    tag,
    changes,
    runs: true,
    form: true,
    summary: 'Queue the enlarging of a picture. As multipart, the picture is the file init.',
    tool: { title: 'Upscale', on: 'pictures', about: 'Make a picture larger, by a model for it or by Lanczos.' },
    input: z.strictObject({
      init: pictureText
        .describe('The picture to enlarge.')
        .meta({ label: 'Picture', level: 'simple', control: 'image' }),
      ...upscaleSchema.shape,
      priority: jobInputSchema.shape.priority,
      label: jobInputSchema.shape.label,
      wait: z
        .boolean()
        .default(false)
        .describe('Answer when the job has ended, with its picture.')
        .meta({ in: 'query', control: 'none' }),
    }),
    output: z.object({ job: jobSchema, images: z.array(pictureSchema).optional() }),
    status: 201,
  }),
  listJobs: operation({
    method: 'get',
    path: '/jobs',
    tag,
    summary: 'Jobs, newest first or in the order in which they will run.',
    input: z.object({
      ...jobFilter,
      order: z.enum(['recent', 'next']).default('recent').describe('Newest first, or in the order of running.'),
      limit: z.int().min(1).max(1000).default(100).describe('At most so many.'),
      cursor: z.string().max(100).optional().describe('From the page before.'),
    }),
    output: z.object({
      jobs: z.array(jobSchema),
      cursor: z.string().optional().describe('Give it back for the next page; absent on the last.'),
    }),
    command: { usage: 'queue history' },
  }),
  getJob: operation({
    method: 'get',
    path: '/jobs/{id}',
    tag,
    summary: 'One job, how far it is, and the pictures it has made.',
    input: z.object({ id }),
    output: z.object({ job: jobSchema, progress: progressSchema.optional(), images: z.array(pictureSchema) }),
    command: { usage: 'queue show <id>' },
  }),
  getSteps: operation({
    method: 'get',
    path: '/jobs/{id}/steps',
    tag,
    summary:
      'How the first picture of a job came about, and how it goes into noise; empty unless it was asked to keepSteps, and of old ones.',
    input: z.object({ id }),
    output: z.object({ steps: z.array(stepSchema) }),
  }),
  getPreview: operation({
    method: 'get',
    path: '/jobs/{id}/preview',
    tag,
    runs: true,
    kind: 'file',
    media: 'image/jpeg',
    summary: 'The latest preview of a running job.',
    input: z.object({ id, index: z.int().min(0).default(0).describe('Which picture of the batch.') }),
  }),
  getJobInput: operation({
    method: 'get',
    path: '/jobs/{id}/inputs/{role}',
    tag,
    kind: 'file',
    media: 'image/png',
    summary: 'A picture that a job starts from.',
    input: z.object({ id, role: z.enum(inputRoles as readonly [InputRole, ...InputRole[]]) }),
  }),
  cancelJob: operation({
    method: 'post',
    path: '/jobs/{id}/cancel',
    tag,
    changes,
    summary: 'End a job: a running one after its step, or at once with hard. What is finished stays.',
    input: z.object({
      id,
      hard: z.boolean().default(false).describe('In the middle of a step, by ending the engine’s process.'),
    }),
    output: jobSchema,
    command: {
      usage: 'queue cancel <id...>',
      examples: ['queue cancel 1m8dcpx', 'queue cancel 1m8dcpx --hard', 'queue cancel --all'],
    },
  }),
  retryJob: operation({
    method: 'post',
    path: '/jobs/{id}/retry',
    tag,
    changes,
    summary: 'Let a failed or cancelled job wait again; pictures that are there are not made twice.',
    input: z.object({ id }),
    output: jobSchema,
    command: { usage: 'queue retry <id...>' },
  }),
  pauseJob: operation({
    method: 'post',
    path: '/jobs/{id}/pause',
    tag,
    changes,
    summary: 'Keep a waiting job from running.',
    input: z.object({ id }),
    output: jobSchema,
    command: { usage: 'queue pause <id...>' },
  }),
  skipBatch: operation({
    method: 'post',
    path: '/jobs/{id}/skip',
    tag,
    changes,
    runs: true,
    summary: 'End the batch that a running job draws as far as it has come; the job goes on with the next one.',
    input: z.object({ id }),
    output: jobSchema,
  }),
  resumeJob: operation({
    method: 'post',
    path: '/jobs/{id}/resume',
    tag,
    changes,
    summary: 'Let a held job wait again.',
    input: z.object({ id }),
    output: jobSchema,
    command: { usage: 'queue resume <id...>' },
  }),
  moveJob: operation({
    method: 'post',
    path: '/jobs/{id}/move',
    tag,
    changes,
    summary: 'Put a waiting job elsewhere in its owner’s line.',
    input: z
      .object({
        id,
        to: z.enum(['front', 'back']).optional().describe('The front or the back.'),
        before: idOf('job').optional().describe('Before this job.'),
        after: idOf('job').optional().describe('After this job.'),
      })
      .refine(
        ({ to, before, after }) => [to, before, after].filter(Boolean).length === 1,
        'give one of to, before and after',
      ),
    output: jobSchema,
    command: {
      usage: 'queue move <id>',
      examples: ['queue move 1m8dcpx front', 'queue move 1m8dcpx before 1m8dcqz', 'queue move 1m8dcpx --to back'],
    },
  }),
  setPriority: operation({
    method: 'post',
    path: '/jobs/{id}/priority',
    tag,
    changes,
    summary: 'Give a waiting job another priority; above 0 for admins only.',
    input: z.object({ id, priority: z.int().min(-100).max(100).describe('Higher goes first; usual is 0.') }),
    output: jobSchema,
    command: { usage: 'queue priority <id> <priority>', examples: ['queue priority 1m8dcpx 5'] },
  }),
};

export const queue = {
  getQueue: operation({
    method: 'get',
    path: '/queue',
    tag,
    summary: 'Whether the queue runs, and how many jobs are in each state.',
    output: queueStateSchema,
    command: { usage: 'queue state' },
  }),
  getLine: operation({
    method: 'get',
    path: '/queue/line',
    tag,
    summary: 'Jobs: those that run, those that wait in their order, and the last that ended.',
    input: z.object({
      kind: jobFilter.kind,
      state: jobFilter.state,
      user: jobFilter.user,
      limit: z.int().min(1).max(1000).default(20).describe('At most so many of the ended ones.'),
    }),
    output: z.object({
      jobs: z.array(jobSchema),
      queue: queueStateSchema,
      more: z.boolean().describe('Whether further jobs wait.'),
    }),
    command: { usage: 'queue list', examples: ['queue list --state failed', 'queue list --json'] },
  }),
  pauseQueue: operation({
    method: 'post',
    path: '/queue/pause',
    tag,
    changes: ['queue'],
    summary: 'Start no more jobs; the running one goes on.',
    input: z.object({ reason: z.string().max(500).optional().describe('Told to those who ask.') }),
    output: queueStateSchema,
    command: { usage: 'queue pause' },
  }),
  resumeQueue: operation({
    method: 'post',
    path: '/queue/resume',
    tag,
    changes: ['queue'],
    summary: 'Start jobs again.',
    output: queueStateSchema,
    command: { usage: 'queue resume' },
  }),
  cancelJobs: operation({
    method: 'post',
    path: '/queue/cancel',
    tag,
    changes,
    summary: 'Cancel every job that waits or runs.',
    input: z.object({
      kind: jobFilter.kind.meta({ in: 'query' }),
      batch: jobFilter.batch.meta({ in: 'query', flag: false }),
      user: jobFilter.user.meta({ in: 'query' }),
    }),
    output: z.object({ cancelled: z.int() }),
    command: { usage: 'queue cancel', all: 'all' },
  }),
  retryJobs: operation({
    method: 'post',
    path: '/queue/retry',
    tag,
    changes,
    summary: 'Let every failed job wait again.',
    input: z.object({
      kind: jobFilter.kind.meta({ in: 'query' }),
      batch: jobFilter.batch.meta({ in: 'query', flag: false }),
      user: jobFilter.user.meta({ in: 'query' }),
    }),
    output: z.object({ retried: z.int() }),
    command: { usage: 'queue retry', all: 'failed' },
  }),
  clearJobs: operation({
    method: 'post',
    path: '/queue/clear',
    tag,
    changes,
    summary: 'Forget ended jobs; their pictures stay.',
    input: z.object({
      kind: jobFilter.kind.meta({ in: 'query' }),
      state: jobFilter.state.meta({ in: 'query' }),
      batch: jobFilter.batch.meta({ in: 'query', flag: false }),
      user: jobFilter.user.meta({ in: 'query' }),
    }),
    output: z.object({ removed: z.int() }),
    command: { usage: 'queue clear', examples: ['queue clear --state failed'] },
  }),
};
