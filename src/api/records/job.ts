/** Jobs of every kind and the queue: as they are kept and as they are told. */

import { z } from 'zod';
import { labRequestSchema } from '#lab/experiments';
import { maxControls } from '#pipelines/control/unit';
import { generateSchema } from '#pipelines/request';
import { seriesSchema } from '#pipelines/series/series';
import { upscaleSchema } from '#pipelines/upscale/request';
import { trainingRequestSchema } from '#training/config';
import { jobErrorSchema } from './error.ts';
import { milliseconds } from './id.ts';
import { type JobKind, jobKinds } from './job-kinds.ts';
import { type JobState, jobStates } from './job-state.ts';
import { modelWorkRequests } from './model-work.ts';
import { pullRequestSchema } from './pull.ts';

export type { JobError } from './error.ts';

/** What there is to do, with what is asked for it: every default filled in, pictures left out. */
export const jobRequests = {
  /** With a series it is the base of many requests. */
  picture: z.object({ ...generateSchema.shape, series: seriesSchema.optional() }),
  pull: pullRequestSchema,
  upscale: upscaleSchema.extend({ infotext: z.string().optional().describe('What is known of the picture.') }),
  hash: z.object({ model: z.string().describe('Id of the model.') }),
  training: trainingRequestSchema,
  lab: labRequestSchema,
  ...modelWorkRequests,
} as const satisfies Record<JobKind, z.ZodType>;

export type JobRequests = { [K in JobKind]: z.output<(typeof jobRequests)[K]> };

type ControlPlace = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9;

export type InputRole = 'init' | 'mask' | 'latent-mask' | `control-${ControlPlace}` | `control-mask-${ControlPlace}`;

/** A unit's picture and its mask, by the unit's place. */
export const controlRoles = Array.from({ length: maxControls }, (_, i) => ({
  image: `control-${i as ControlPlace}` as const,
  mask: `control-mask-${i as ControlPlace}` as const,
}));

/** What pictures of a job are for. */
export const inputRoles: readonly InputRole[] = [
  'init',
  'mask',
  'latent-mask',
  ...controlRoles.flatMap(({ image, mask }) => [image, mask]),
];

export const jobSchema = z.object({
  id: z.string(),
  kind: z.enum(jobKinds).describe('What there is to do.'),
  user: z.string(),
  batch: z.string().optional().describe('Jobs submitted together share it.'),
  label: z.string().optional(),
  state: z.enum(jobStates),
  priority: z.number().describe('Higher goes first.'),
  position: z.number().describe('Order among the jobs of one user, kind and priority, lowest first.'),
  request: z.record(z.string(), z.unknown()).describe('What was asked for, by its kind; every default filled in.'),
  inputs: z
    .array(z.enum(inputRoles as readonly [InputRole, ...InputRole[]]))
    .describe('Pictures it starts from; fetch them at /jobs/{id}/inputs/{role}.'),
  total: z.int().describe('Pictures or steps asked for; bytes of a download, 0 while nobody has said.'),
  delivered: z.int().describe('Of the total, what is finished and kept.'),
  attempts: z.int().describe('Times it was started.'),
  interruptions: z.int().describe('Times the studio itself died while it ran.'),
  cancelRequested: z.boolean().describe('Running, and asked to end.'),
  warnings: z.array(z.string()),
  result: z.record(z.string(), z.unknown()).optional().describe('What came of it, by its kind; pictures are apart.'),
  error: jobErrorSchema.optional(),
  createdAt: milliseconds.int(),
  startedAt: milliseconds.int().optional(),
  finishedAt: milliseconds.int().optional(),
});

/** A job with its kind's request. */
export type Job<K extends JobKind = JobKind> = {
  [Each in K]: Omit<z.output<typeof jobSchema>, 'kind' | 'request'> & { kind: Each; request: JobRequests[Each] };
}[K];

export const progressSchema = z.object({
  id: z.string(),
  user: z.string(),
  kind: z.enum(jobKinds),
  phase: z.enum(['starting', 'loading', 'sampling', 'upscaling', 'fetching', 'hashing', 'training', 'writing']),
  fraction: z.number().describe('0 to 1 over all batches.'),
  batch: z.int(),
  batches: z.int(),
  step: z.int().describe('Of the batch; bytes of a download.'),
  steps: z.int(),
  eta: z.number().optional().describe('Seconds left.'),
  speed: z.number().optional().describe('Steps a second; bytes of a download.'),
  loading: z.object({ part: z.string(), bytes: z.number().optional(), totalBytes: z.number().optional() }).optional(),
  memory: z
    .object({ peak: z.number(), limit: z.number(), plan: z.string() })
    .optional()
    .describe('Bytes that the job will take at the highest and may take, and how it keeps within them.'),
  preview: z.int().describe('Grows with every new preview; 0: none yet.'),
});

export type JobProgress = z.output<typeof progressSchema>;

export const queueStateSchema = z.object({
  paused: z.boolean(),
  reason: z.string().optional(),
  counts: z
    .object(Object.fromEntries(jobStates.map((state) => [state, z.int()])) as Record<JobState, z.ZodInt>)
    .describe('Jobs of the kinds that a pause holds.'),
});

export type QueueState = z.output<typeof queueStateSchema>;
