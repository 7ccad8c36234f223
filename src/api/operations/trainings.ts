/** Asking for trainings, and looking at what they have done. A training is a job: what can be done with jobs is there. */

import { z } from 'zod';
import { trainingRequestSchema } from '#training/config';
import { operation } from '../operation.ts';
import { idOf } from '../records/id.ts';
import { jobSchema, progressSchema } from '../records/job.ts';

const tag = 'Trainings';
const id = idOf('job');

export const trainings = {
  submitTraining: operation({
    method: 'post',
    path: '/trainings',
    tag,
    changes: ['models', 'own work'],
    summary: 'Queue a training. Its folder of pictures is one on the machine that trains.',
    input: z.strictObject({
      training: trainingRequestSchema.describe('What is trained, on what and how.'),
      priority: z.int().min(-100).max(100).default(0).describe('Higher goes first.').meta({ control: 'none' }),
      label: z.string().max(200).optional().describe('A name of your own for the job.').meta({ control: 'none' }),
    }),
    output: jobSchema,
    status: 201,
  }),
  getTraining: operation({
    method: 'get',
    path: '/trainings/{id}',
    tag,
    summary: 'One training: how far it is, what was measured, which files there are to look at.',
    input: z.object({
      id,
      rows: z.int().min(1).max(10_000).default(500).describe('At most so many rows, evenly taken.'),
    }),
    output: z.object({
      job: jobSchema,
      progress: progressSchema.optional(),
      metrics: z.array(z.record(z.string(), z.number())).describe('Of each step, oldest first.'),
      files: z.array(z.string()).describe('Samples and reports; fetch them at /trainings/{id}/file.'),
    }),
    command: { usage: 'queue training <id>' },
  }),
  getTrainingFile: operation({
    method: 'get',
    path: '/trainings/{id}/file',
    tag,
    kind: 'file',
    media: '*/*',
    summary: 'A sample picture, the metrics or the report of a training.',
    input: z.object({ id, path: z.string().max(500).describe('One of the files that /trainings/{id} tells.') }),
  }),
};
