/** The lab's experiments: what there is, asking for one, looking at what it has found. A run is a job as others are. */

import { z } from 'zod';
import { labRequestSchema } from '#lab/experiments';
import { operation } from '../operation.ts';
import { idOf } from '../records/id.ts';
import { jobSchema, progressSchema } from '../records/job.ts';

const tag = 'Lab';
const id = idOf('job');
const table = z.array(z.array(z.string())).describe('The first row is the heading.');

export const lab = {
  listExperiments: operation({
    method: 'get',
    path: '/lab/experiments',
    tag,
    summary: 'What the lab can do, with the settings of each experiment as a JSON schema for a form.',
    output: z.object({
      experiments: z.array(
        z.object({
          name: z.string(),
          title: z.string(),
          about: z.string(),
          schema: z.record(z.string(), z.unknown()).describe('Of `run` in POST /lab/runs, without `experiment`.'),
        }),
      ),
    }),
  }),
  submitExperiment: operation({
    method: 'post',
    path: '/lab/runs',
    tag,
    changes: ['models', 'own work'],
    summary: 'Queue an experiment of the lab.',
    input: z.strictObject({
      run: labRequestSchema.describe('Which experiment, and its settings.'),
      priority: z.int().min(-100).max(100).default(0).describe('Higher goes first.').meta({ control: 'none' }),
      label: z.string().max(200).optional().describe('A name of your own for the job.').meta({ control: 'none' }),
    }),
    output: jobSchema,
    status: 201,
  }),
  getExperiment: operation({
    method: 'get',
    path: '/lab/runs/{id}',
    tag,
    summary: 'One run of an experiment: how far it is, its tables so far, which files there are to look at.',
    input: z.object({ id }),
    output: z.object({
      job: jobSchema,
      progress: progressSchema.optional(),
      tables: z.array(z.object({ title: z.string(), rows: table })).describe('What was found so far.'),
      files: z.array(z.string()).describe('Pictures, curves, the report; fetch them at /lab/runs/{id}/file.'),
    }),
    command: { usage: 'queue experiment <id>' },
  }),
  getExperimentFile: operation({
    method: 'get',
    path: '/lab/runs/{id}/file',
    tag,
    kind: 'file',
    media: '*/*',
    summary: 'A picture, a curve or the report of a run.',
    input: z.object({ id, path: z.string().max(500).describe('One of the files that /lab/runs/{id} tells.') }),
  }),
};
