/** The model library, and downloads that fill it. */

import { z } from 'zod';
import { operation } from '../operation.ts';
import { idOf } from '../records/id.ts';
import { jobSchema } from '../records/job.ts';
import { limitsSchema, modelCardSchema, modelKinds, modelSchema, trashedModelSchema } from '../records/model.ts';
import { modelWorkRequests } from '../records/model-work.ts';
import { pullSchema, toldStarterSchema } from '../records/pull.ts';
import { jobInputSchema } from './jobs.ts';

const tag = 'Models';
const id = idOf('model');

export const models = {
  listModels: operation({
    method: 'get',
    path: '/models',
    tag,
    summary: 'Models in the model folders, told from their headers.',
    input: z.object({
      kind: z.enum(modelKinds).optional().describe('Only these.'),
      family: z.string().max(50).optional().describe('Only those of this family, e.g. sd1.'),
      text: z.string().max(200).optional().describe('Words in its name, card or trigger words.'),
      hash: z.string().max(64).optional().describe('sha256 or its beginning, or AutoV3.'),
    }),
    output: z.object({ models: z.array(modelSchema) }),
    command: { usage: 'library list [text...]', creates: true, examples: ['library list --kind lora'] },
  }),
  addModelFolder: operation({
    method: 'post',
    path: '/models/folders',
    tag,
    changes: ['settings', 'index'],
    runs: true,
    summary: 'Look for models in one more folder of the machine; new models still go where they went.',
    input: z.object({ folder: z.string().min(1).max(4096).describe('Its whole path.') }),
    output: z.object({ folder: z.string(), models: z.int().describe('How many models lie in it.') }),
    status: 201,
  }),
  refreshModels: operation({
    method: 'post',
    path: '/models/refresh',
    tag,
    changes: ['index'],
    summary: 'Look at the model folders now.',
  }),
  hashModels: operation({
    method: 'post',
    path: '/models/hash',
    tag,
    changes: ['index'],
    summary: 'Compute the hashes of all models that have none yet; library.hashing events tell how far it is.',
    output: z.object({ models: z.array(modelSchema) }),
    command: { usage: 'library hash', creates: true },
  }),
  // Before /models/{id}, which would take trash for an id.
  listTrashedModels: operation({
    method: 'get',
    path: '/models/trash',
    tag,
    changes: ['models'],
    summary: 'Models in the trash, newest first.',
    output: z.object({ models: z.array(trashedModelSchema) }),
    command: { usage: 'library trash', creates: true },
  }),
  restoreModel: operation({
    method: 'post',
    path: '/models/trash/{id}/restore',
    tag,
    changes: ['models'],
    summary: 'Bring a model back from the trash to where it lay.',
    input: z.object({ id: idOf('trashed model') }),
    output: trashedModelSchema,
    command: { usage: 'library restore <id...>', creates: true },
  }),
  purgeModel: operation({
    method: 'delete',
    path: '/models/trash/{id}',
    tag,
    changes: ['models'],
    summary: 'Remove a model in the trash for good.',
    input: z.object({ id: idOf('trashed model') }),
    command: { usage: 'library purge <id...>', creates: true, ask: 'Remove these models for good?' },
  }),
  getModel: operation({
    method: 'get',
    path: '/models/{id}',
    tag,
    summary: 'Everything that is known about a model.',
    input: z.object({ id }),
    output: modelSchema,
    command: { usage: 'library info <id>', creates: true },
  }),
  removeModel: operation({
    method: 'delete',
    path: '/models/{id}',
    tag,
    changes: ['models'],
    summary: 'Move a model to the trash of its folder; the answer’s id brings it back.',
    input: z.object({ id }),
    output: trashedModelSchema,
    command: { usage: 'library remove <id...>', creates: true },
  }),
  hashModel: operation({
    method: 'post',
    path: '/models/{id}/hash',
    tag,
    changes: ['index'],
    summary: 'Its hashes, computed now where they are not known; library.hashing events tell how far it is.',
    input: z.object({ id }),
    output: modelSchema,
    command: { usage: 'library hash <id...>', creates: true },
  }),
  getModelLimits: operation({
    method: 'get',
    path: '/models/{id}/limits',
    tag,
    summary: 'Sizes and settings that a checkpoint takes, from its header.',
    input: z.object({ id }),
    output: limitsSchema,
    command: { usage: 'library limits <id>', creates: true },
  }),
  getModelMetadata: operation({
    method: 'get',
    path: '/models/{id}/metadata',
    tag,
    summary: 'Everything that a model file says about itself.',
    input: z.object({ id }),
    output: z.record(z.string(), z.string()),
    command: { usage: 'library metadata <id>', creates: true },
  }),
  getModelPreview: operation({
    method: 'get',
    path: '/models/{id}/preview',
    tag,
    kind: 'file',
    media: 'image/*',
    summary: 'A picture of what the model does.',
    input: z.object({ id }),
  }),
  setModelCard: operation({
    method: 'patch',
    path: '/models/{id}/card',
    tag,
    changes: ['models'],
    summary: 'Write about a model: description, trigger words, tags.',
    input: z.object({ id, ...modelCardSchema.shape }),
    output: modelSchema,
    command: {
      usage: 'library describe <id>',
      creates: true,
      examples: ['library describe my-lora --trigger-words "gold, shiny"'],
    },
  }),
};

/** What every piece of work on model files takes beside its own fields. */
const work = {
  priority: jobInputSchema.shape.priority,
  label: jobInputSchema.shape.label,
  wait: z.boolean().default(false).describe('Answer when the job has ended.').meta({ in: 'query', control: 'none' }),
};
const workRow = { method: 'post', tag: 'Model files', changes: ['models'], runs: true, status: 201 } as const;
const workOutput = z.object({ job: jobSchema });

/** Each is a kind of work; the result lies where such models go, and the library shows it. */
export const modelWork = {
  mergeModels: operation({
    ...workRow,
    path: '/merges',
    tool: {
      title: 'Merge',
      on: 'models',
      about: 'One checkpoint of two or three, with another VAE, or with LoRAs in it.',
    },
    summary: 'Queue the making of a checkpoint of two or three, of one with a VAE, or with LoRAs baked in.',
    input: z.strictObject({ ...modelWorkRequests.merge.shape, ...work }),
    output: workOutput,
  }),
  convertModel: operation({
    ...workRow,
    path: '/conversions',
    tool: { title: 'Convert', on: 'models', about: 'Write a model in another layout or precision, or as ONNX.' },
    summary: 'Queue the writing of a model in another layout or type, or as ONNX.',
    input: z.strictObject({ ...modelWorkRequests.convert.shape, ...work }),
    output: workOutput,
  }),
  extractLora: operation({
    ...workRow,
    path: '/extractions',
    tool: { title: 'Extract a LoRA', on: 'models', about: 'A LoRA of the difference of two checkpoints.' },
    summary: 'Queue the making of a LoRA from the difference of two checkpoints.',
    input: z.strictObject({ ...modelWorkRequests.extract.shape, ...work }),
    output: workOutput,
  }),
};

const pull = idOf('pull');

export const pulls = {
  listStarters: operation({
    method: 'get',
    path: '/pulls/starters',
    tag: 'Downloads',
    summary: 'Models to start with, and what they take; give source to a download.',
    output: z.object({ starters: z.array(toldStarterSchema) }),
    command: { usage: 'pull starters', bare: true },
  }),
  listPulls: operation({
    method: 'get',
    path: '/pulls',
    tag: 'Downloads',
    runs: true,
    summary: 'Downloads of models, newest first.',
    output: z.object({ pulls: z.array(pullSchema) }),
  }),
  addPull: operation({
    method: 'post',
    path: '/pulls',
    tag: 'Downloads',
    changes: ['models'],
    runs: true,
    summary: 'Install a model from Hugging Face, Civitai, an address, or a path.',
    input: z.object({
      source: z.string().min(1).max(2000),
      kind: z.enum(modelKinds).optional(),
      sha256: z.string().optional().describe('What its hash must be.'),
      name: z.string().max(200).optional().describe('File name to keep it under.'),
    }),
    output: pullSchema,
    status: 202,
  }),
  pausePull: operation({
    method: 'post',
    path: '/pulls/{id}/pause',
    tag: 'Downloads',
    changes: ['models'],
    runs: true,
    summary: 'Hold a download.',
    input: z.object({ id: pull }),
    output: pullSchema,
  }),
  resumePull: operation({
    method: 'post',
    path: '/pulls/{id}/resume',
    tag: 'Downloads',
    changes: ['models'],
    runs: true,
    summary: 'Go on with it.',
    input: z.object({ id: pull }),
    output: pullSchema,
  }),
  cancelPull: operation({
    method: 'post',
    path: '/pulls/{id}/cancel',
    tag: 'Downloads',
    changes: ['models'],
    runs: true,
    summary: 'Stop it and remove what came.',
    input: z.object({ id: pull }),
    output: pullSchema,
  }),
  removePull: operation({
    method: 'delete',
    path: '/pulls/{id}',
    tag: 'Downloads',
    changes: ['models'],
    runs: true,
    summary: 'Forget an ended download; the model stays.',
    input: z.object({ id: pull }),
  }),
};
