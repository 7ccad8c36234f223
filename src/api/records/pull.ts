/** Downloads of models as they are told. */

import { z } from 'zod';
import { jobErrorSchema } from './job.ts';
import { modelKinds } from './model.ts';

export const pullStates = ['queued', 'running', 'paused', 'done', 'failed', 'cancelled'] as const;

export const pullSchema = z.object({
  id: z.string(),
  source: z.string(),
  title: z.string(),
  state: z.enum(pullStates),
  files: z.array(z.object({ name: z.string(), done: z.number(), total: z.number().optional() })),
  done: z.number().describe('Bytes.'),
  total: z.number().optional(),
  speed: z.number().optional().describe('Bytes per second.'),
  eta: z.number().optional().describe('Seconds left.'),
  error: jobErrorSchema.optional(),
  createdAt: z.number(),
  finishedAt: z.number().optional(),
});

export const starterSchema = z.object({
  name: z.string(),
  about: z.string(),
  kind: z.enum(modelKinds),
  family: z.string().optional(),
  source: z.string().describe('Give it to a download.'),
  file: z.string().optional().describe('Name for a download to keep it under.'),
  bytes: z.number(),
  sha256: z.string(),
  licence: z.string(),
});
