/** Asking for trainings, and looking at what they have done. A training is a job: what can be done with jobs is there. */

import { z } from 'zod';
import { trainingRequestSchema } from '#training/config';
import { operation } from '../operation.ts';
import { pictureText } from '../picture-text.ts';
import { idOf } from '../records/id.ts';
import { jobSchema, progressSchema } from '../records/job.ts';

const cropPlaces = ['attention', 'entropy', 'centre'] as const;
const tag = 'Trainings';
const datasetTag = 'Datasets';
const name = z.string().min(1).max(255).describe('Name of the dataset.');
const picture = z.string().min(1).max(255).describe('Name of the picture in it.');
const caption = z.string().max(100_000).describe('What the picture shows.');
const into = z.string().min(1).max(255).describe('Name of the new dataset.');
const cropSide = z.int().min(16).max(4096).describe('Pixels.');
const derived = z.object({
  pictures: z.int().describe('Pictures of the new dataset.'),
  leftOut: z.array(z.string()).describe('Pictures that cannot be read.'),
});
const id = idOf('job');

export const trainings = {
  listTrainingMethods: operation({
    method: 'get',
    path: '/trainings/methods',
    tag,
    summary: 'What can be trained, with the settings of each method as a JSON schema for a form.',
    output: z.object({
      methods: z.array(
        z.object({
          name: z.string(),
          title: z.string(),
          about: z.string(),
          schema: z.record(z.string(), z.unknown()).describe('Of `training` in POST /trainings.'),
        }),
      ),
    }),
  }),
  submitTraining: operation({
    method: 'post',
    path: '/trainings',
    tag,
    changes: ['models', 'own work'],
    summary: 'Queue a training. Its pictures are `dataset:NAME`, or a folder on the machine that trains.',
    input: z.strictObject({
      training: trainingRequestSchema.describe('What is trained, on what and how.'),
      priority: z.int().min(-100).max(100).default(0).describe('Higher goes first.').meta({ control: 'none' }),
      label: z.string().max(200).optional().describe('A name of your own for the job.').meta({ control: 'none' }),
    }),
    output: jobSchema,
    status: 201,
  }),
  planTraining: operation({
    method: 'post',
    path: '/trainings/plan',
    tag,
    changes: ['own work'],
    summary: 'What a training would take, from two steps of it in a process of its own; nothing is kept.',
    runs: true,
    input: z.strictObject({ training: trainingRequestSchema.describe('As in POST /trainings.') }),
    output: z.object({
      steps: z.int(),
      secondsPerStep: z.number().optional(),
      seconds: z.number().optional().describe('Of all steps, without what comes before and after them.'),
      memoryBytes: z.number().describe('Most that the process has had.'),
      notes: z.array(z.string()).describe('What is odd about the pictures or the settings.'),
    }),
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

export const datasets = {
  listDatasets: operation({
    method: 'get',
    path: '/datasets',
    tag: datasetTag,
    summary: 'Folders of pictures to train on that the studio keeps.',
    output: z.object({ datasets: z.array(z.object({ name: z.string(), pictures: z.int() })) }),
    command: { usage: 'dataset list' },
  }),
  createDataset: operation({
    method: 'post',
    path: '/datasets',
    tag: datasetTag,
    changes: ['models'],
    summary: 'Make an empty one.',
    input: z.object({ name }),
    output: z.object({ name: z.string() }),
    status: 201,
    command: { usage: 'dataset create <name>', creates: true },
  }),
  getDataset: operation({
    method: 'get',
    path: '/datasets/{name}',
    tag: datasetTag,
    summary: 'Its pictures with captions, and what is odd about them.',
    input: z.object({ name }),
    output: z.object({
      pictures: z.array(
        z.object({
          name: z.string(),
          caption: z.string().optional(),
          width: z.int().optional(),
          height: z.int().optional(),
          problem: z.string().optional().describe('Why it cannot be used.'),
        }),
      ),
      report: z.object({
        count: z.int(),
        withoutCaption: z.array(z.string()),
        broken: z.array(z.string()),
        tiny: z.array(z.string()).describe('Smaller than 128 pixels.'),
        nearDuplicates: z.array(z.array(z.string())).describe('Groups that look nearly the same.'),
        oddEncodings: z.array(z.string()).describe('Captions that are not UTF-8.'),
      }),
    }),
    command: { usage: 'dataset show <name>' },
  }),
  addToDataset: operation({
    method: 'post',
    path: '/datasets/{name}/pictures',
    tag: datasetTag,
    changes: ['models'],
    form: true,
    summary: 'Add pictures; as multipart, files named pictures.',
    input: z.object({ name, pictures: z.array(pictureText).min(1).max(1000), caption: caption.optional() }),
    output: z.object({ pictures: z.array(z.string()).describe('Their names.') }),
    status: 201,
  }),
  setCaption: operation({
    method: 'put',
    path: '/datasets/{name}/captions/{picture}',
    tag: datasetTag,
    changes: ['models'],
    summary: 'Say what a picture shows.',
    input: z.object({ name, picture, caption }),
    command: { usage: 'dataset caption <name> <picture> <caption>' },
  }),
  setMask: operation({
    method: 'put',
    path: '/datasets/{name}/masks/{picture}',
    tag: datasetTag,
    changes: ['models'],
    form: true,
    summary: 'Say which parts of a picture count (masked_loss): a PNG, white where they do.',
    input: z.object({ name, picture, mask: pictureText }),
  }),
  importDataset: operation({
    method: 'post',
    path: '/datasets/{name}/import',
    tag: datasetTag,
    changes: ['models'],
    summary: 'Copy a folder of this machine into it: pictures, captions, masks; folders named `10_token class` stay.',
    input: z.object({ name, folder: z.string().min(1).max(4096).describe('Its whole path.') }),
    output: z.object({ pictures: z.array(z.string()).describe('Their names.') }),
    status: 201,
    command: { usage: 'dataset import <name> <folder>' },
  }),
  cropDataset: operation({
    method: 'post',
    path: '/datasets/{name}/crop',
    tag: datasetTag,
    changes: ['models'],
    summary: 'Make another one of its pictures cut to one size, where most is to be seen; masks are cut alike.',
    input: z.object({
      name,
      into,
      width: cropSide.default(512),
      height: cropSide.default(512),
      keep: z.enum(cropPlaces).default('attention').describe('What decides where it is cut.'),
    }),
    output: derived,
    status: 201,
    command: { usage: 'dataset crop <name> <into>' },
  }),
  flipDataset: operation({
    method: 'post',
    path: '/datasets/{name}/flip',
    tag: datasetTag,
    changes: ['models'],
    summary: 'Make another one of its pictures and their mirror images.',
    input: z.object({ name, into }),
    output: derived,
    status: 201,
    command: { usage: 'dataset flip <name> <into>' },
  }),
  splitDataset: operation({
    method: 'post',
    path: '/datasets/{name}/split',
    tag: datasetTag,
    changes: ['models'],
    summary: 'Move some of its pictures into another one, to be held out.',
    input: z.object({
      name,
      into,
      share: z.number().gt(0).lt(1).default(0.1).describe('Share of the pictures.'),
      seed: z.int().min(0).default(1).describe('Of the choice.'),
    }),
    output: z.object({ pictures: z.array(z.string()).describe('What was moved.') }),
    status: 201,
    command: { usage: 'dataset split <name> <into>' },
  }),
  getDatasetPicture: operation({
    method: 'get',
    path: '/datasets/{name}/pictures/{picture}',
    tag: datasetTag,
    kind: 'file',
    media: 'image/*',
    summary: 'A picture of it, as its file.',
    input: z.object({ name, picture }),
  }),
  removeFromDataset: operation({
    method: 'delete',
    path: '/datasets/{name}/pictures/{picture}',
    tag: datasetTag,
    changes: ['models'],
    summary: 'Remove a picture and its caption for good.',
    input: z.object({ name, picture }),
    command: { usage: 'dataset remove <name> <picture>', ask: 'Remove the picture for good?' },
  }),
};
