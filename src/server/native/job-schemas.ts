/** Jobs on the wire. */

import { z } from 'zod';
import { generateSchema } from '#pipelines/request';
import { type Job, jobStates } from '#studio/queue/job';

export const idSchema = z
  .string()
  .min(1)
  .max(64)
  .regex(/^[\w-]+$/, 'an id has letters, digits, _ and - only');
export const idParams = z.object({ id: idSchema });

const pictureText = z
  .string()
  .min(1)
  .describe('Base64, a data: address, `image:ID` for a picture of the gallery, or an http(s) address.');

export const jobInputSchema = z.strictObject({
  ...generateSchema.shape,
  init: pictureText.optional().describe('Start of picture to picture.').meta({ contentEncoding: 'base64' }),
  mask: pictureText
    .optional()
    .describe('White (or opaque) is repainted; needs init.')
    .meta({ contentEncoding: 'base64' }),
  priority: z.int().min(-100).max(100).default(0).describe('Higher goes first; above 0 for admins only.'),
  label: z.string().max(200).optional().describe('A name of your own for the job.'),
});
export type JobInput = z.output<typeof jobInputSchema>;

export const jobErrorSchema = z.object({
  code: z.string().describe('Stable name of the kind of error.'),
  message: z.string(),
});

const milliseconds = z.number().describe('Milliseconds since 1970.');

/** What a job was asked for: every default filled in, pictures left out. */
const storedRequestSchema = z.object(generateSchema.shape);

export const jobSchema = z.object({
  id: z.string(),
  user: z.string(),
  batch: z.string().optional().describe('Jobs submitted together share it.'),
  label: z.string().optional(),
  state: z.enum(jobStates),
  priority: z.number(),
  position: z.number().describe('Order among the jobs of one user and priority, lowest first.'),
  request: storedRequestSchema,
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

export const jobPageSchema = z.object({
  jobs: z.array(jobSchema),
  cursor: z.string().optional().describe('Give it back for the next page; absent on the last.'),
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
  counts: z.object(Object.fromEntries(jobStates.map((state) => [state, z.int()])) as Record<string, z.ZodInt>),
});

export function jobOut({ inputs, ...job }: Job): z.input<typeof jobSchema> {
  const roles = (['init', 'mask'] as const).filter((role) => inputs[role] !== undefined);
  return { ...job, warnings: [...job.warnings], inputs: roles } as z.input<typeof jobSchema>;
}
