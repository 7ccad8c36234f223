/** Jobs and the queue as they are told. */

import { z } from 'zod';
import { generateSchema } from '#pipelines/request';
import { milliseconds } from './id.ts';

export const jobStates = ['queued', 'running', 'paused', 'done', 'failed', 'cancelled'] as const;
export type JobState = (typeof jobStates)[number];

/** States in which a job will not change by itself any more. */
export const endStates = ['done', 'failed', 'cancelled'] as const satisfies readonly JobState[];

export const jobErrorSchema = z.object({
  code: z.string().describe('Stable name of the kind of error.'),
  message: z.string(),
});

export const jobSchema = z.object({
  id: z.string(),
  user: z.string(),
  batch: z.string().optional().describe('Jobs submitted together share it.'),
  label: z.string().optional(),
  state: z.enum(jobStates),
  priority: z.number(),
  position: z.number().describe('Order among the jobs of one user and priority, lowest first.'),
  request: z.object(generateSchema.shape).describe('What was asked for: every default filled in, pictures left out.'),
  inputs: z
    .array(z.enum(['init', 'mask']))
    .describe('Pictures it starts from; fetch them at /jobs/{id}/inputs/{role}.'),
  total: z.int().describe('Pictures asked for.'),
  delivered: z.int().describe('Pictures finished and in the gallery.'),
  attempts: z.int(),
  interruptions: z.int(),
  cancelRequested: z.boolean(),
  warnings: z.array(z.string()),
  error: jobErrorSchema.optional(),
  createdAt: milliseconds,
  startedAt: milliseconds.optional(),
  finishedAt: milliseconds.optional(),
});

export const progressSchema = z.object({
  id: z.string(),
  user: z.string(),
  phase: z.enum(['starting', 'loading', 'sampling']),
  fraction: z.number().describe('0 to 1 over all batches.'),
  batch: z.int(),
  batches: z.int(),
  step: z.int(),
  steps: z.int(),
  eta: z.number().optional().describe('Seconds left.'),
  loading: z.object({ part: z.string(), bytes: z.number().optional(), totalBytes: z.number().optional() }).optional(),
  preview: z.int().describe('Grows with every new preview; 0: none yet.'),
});

export const queueStateSchema = z.object({
  paused: z.boolean(),
  reason: z.string().optional(),
  counts: z.object(Object.fromEntries(jobStates.map((state) => [state, z.int()])) as Record<JobState, z.ZodInt>),
});
