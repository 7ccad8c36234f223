/** Downloads of models as they are told. A download is a job: its files are its result. */

import { z } from 'zod';
import { jobErrorSchema } from './error.ts';
import { milliseconds } from './id.ts';
import { jobStates } from './job-state.ts';
import { modelKinds } from './model.ts';

export const pullRequestSchema = z.object({
  source: z.string().min(1).max(4000),
  kind: z.enum(modelKinds).optional().describe('What it is, when neither its source nor its header tells.'),
  root: z.string().optional().describe('Model folder to put it in; the first when left out.'),
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/i, 'a sha256 has 64 hexadecimal digits')
    .optional()
    .describe('What the hash of a single file must be.'),
  name: z.string().max(200).optional().describe('File name to keep a single file under.'),
});

export type PullRequest = z.output<typeof pullRequestSchema>;

export const pulledFileSchema = z.object({
  name: z.string(),
  done: z.number(),
  total: z.number().optional().describe('Unknown until the source has said.'),
  path: z.string().optional().describe('Where it lies, once it is there; for admins only.'),
});

/** What comes of a download, as far as it is. */
export const pullResultSchema = z.object({
  title: z.string().describe('What the source calls it.'),
  files: z.array(pulledFileSchema),
});

export const pullSchema = z.object({
  id: z.string(),
  source: z.string(),
  title: z.string(),
  state: z.enum(jobStates),
  files: z.array(pulledFileSchema),
  done: z.number().describe('Bytes.'),
  total: z.number().optional().describe('Over all files; absent while one is unknown.'),
  speed: z.number().optional().describe('Bytes per second.'),
  eta: z.number().optional().describe('Seconds left.'),
  error: jobErrorSchema.optional(),
  createdAt: milliseconds,
  finishedAt: milliseconds.optional(),
});

export type PulledFile = z.output<typeof pulledFileSchema>;
export type PullResult = z.output<typeof pullResultSchema>;
export type Pull = z.output<typeof pullSchema>;

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
  side: z.int().optional().describe('Pixels of a side of its pictures, where it draws them smaller than its family.'),
  steps: z.int().optional().describe('That a picture of it takes, where they are few.'),
});

/** With what it takes on this machine. */
export const toldStarterSchema = starterSchema.extend({
  memory: z
    .object({
      usual: z.number().describe('With as much room as it likes.'),
      least: z.number().describe('In the smallest parts.'),
    })
    .optional()
    .describe('Bytes of the host that a picture takes on the CPU, by the memory plan; of models that draw.'),
  seconds: z
    .number()
    .optional()
    .describe('About, for one picture: by those that models of its family and size have drawn here; absent before.'),
});

export type ToldStarter = z.output<typeof toldStarterSchema>;
export type Starter = z.output<typeof starterSchema>;
