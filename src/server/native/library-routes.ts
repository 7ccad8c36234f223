/** `/api/v1/models`, `/api/v1/pulls`: the model library and what fills it. */

import { z } from 'zod';
import { UserError } from '#core/errors';
import { nodeModelFiles } from '#studio/files/model-files';
import { sniffImage } from '#studio/images/codec';
import { modelCardSchema } from '#studio/library/card';
import { modelKinds } from '#studio/library/layout';
import type { LibraryModel } from '#studio/library/model';
import { ModelTrash, trashedModelSchema } from '#studio/library/trash';
import { type Pull, pullStates } from '#studio/pull/pull';
import { starters } from '#studio/pull/starters';
import type { Studio } from '#studio/studio';
import type { Caller } from '../http/call.ts';
import { type Route, route } from '../http/route.ts';
import { idParams, jobErrorSchema } from './job-schemas.ts';

export const modelSchema = z.object({
  id: z.string(),
  kind: z.enum(modelKinds),
  name: z.string().describe('What requests call it.'),
  title: z.string(),
  path: z.string().optional().describe('For admins only.'),
  family: z.string().optional(),
  variant: z.string().optional(),
  about: z.string().describe('What its header says it is.'),
  problem: z.string().optional().describe('Why it cannot be used.'),
  bytes: z.number(),
  parameters: z.number(),
  modifiedAt: z.number(),
  sha256: z.string().optional(),
  shortHash: z.string().optional(),
  autoV3: z.string().optional(),
  hashError: z.string().optional(),
  embedded: z.boolean().describe('Ships with Darkroom.'),
  hasPreview: z.boolean(),
  card: modelCardSchema,
});

export const limitsSchema = z.object({
  defaultSize: z.object({ width: z.int(), height: z.int() }),
  sizeMultiple: z.int().describe('Sides must be multiples of this.'),
  gridMultiple: z.int().describe('Sides that are multiples of this are quickest.'),
  maxClipSkip: z.int(),
  prediction: z.string(),
});

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

const starterSchema = z.object({
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

const models = 'Models';
const downloads = 'Downloads';

export function libraryRoutes(studio: Studio): Route[] {
  const { library } = studio;
  const one = { tag: models, role: 'viewer', params: idParams } as const;
  const model = { description: 'The model.', schema: modelSchema };
  return [
    route({
      method: 'get',
      path: '/models',
      operation: 'listModels',
      tag: models,
      role: 'viewer',
      summary: 'Models in the model folders.',
      query: z.object({
        kind: z.enum(modelKinds).optional(),
        family: z.string().max(50).optional(),
        text: z.string().max(200).optional().describe('Words in its name, card or trigger words.'),
        hash: z.string().max(64).optional().describe('sha256 or its beginning, or AutoV3.'),
      }),
      answer: { description: 'All that fit.', schema: z.object({ models: z.array(modelSchema) }) },
      handle({ query: { hash, ...query } }, call) {
        const defined = Object.fromEntries(Object.entries(query).filter(([, v]) => v !== undefined));
        const hashed = hash === undefined ? undefined : new Set(library.byHash(hash).map(({ id }) => id));
        const found = library.list(defined).filter(({ id }) => hashed?.has(id) ?? true);
        return { models: found.map((each) => modelOut(each, call.caller)) };
      },
    }),
    route({
      method: 'post',
      path: '/models/refresh',
      operation: 'refreshModels',
      tag: models,
      role: 'user',
      summary: 'Look at the model folders now.',
      answer: { status: 204, description: 'Done.' },
      handle: async () => await library.refresh(),
    }),
    ...trashRoutes(studio),
    route({
      ...one,
      method: 'get',
      path: '/models/{id}',
      operation: 'getModel',
      summary: 'One model.',
      answer: model,
      handle: ({ params }, call) => modelOut(library.get(params.id), call.caller),
    }),
    route({
      ...one,
      method: 'post',
      path: '/models/{id}/hash',
      operation: 'hashModel',
      role: 'user',
      summary: 'Its hashes, computed now where they are not known; library.hashing events tell how far it is.',
      answer: model,
      handle: async ({ params }, call) => modelOut(await library.hash(params.id), call.caller),
    }),
    route({
      ...one,
      method: 'get',
      path: '/models/{id}/limits',
      operation: 'getModelLimits',
      summary: 'Sizes and settings that a checkpoint takes, from its header.',
      answer: { description: 'Limits.', schema: limitsSchema },
      async handle({ params }) {
        const { loadCheckpoint } = await import('#models/load');
        const { parts } = await loadCheckpoint(nodeModelFiles, library.get(params.id).path);
        return { ...parts.limits, prediction: parts.prediction };
      },
    }),
    route({
      ...one,
      method: 'get',
      path: '/models/{id}/metadata',
      operation: 'getModelMetadata',
      summary: 'Everything that the file says about itself.',
      answer: { description: 'Texts by name.', schema: z.record(z.string(), z.string()) },
      handle: async ({ params }) => await library.metadata(params.id),
    }),
    route({
      ...one,
      method: 'get',
      path: '/models/{id}/preview',
      operation: 'getModelPreview',
      summary: 'A picture of what the model does.',
      answer: { description: 'A picture.', type: 'image/*' },
      async handle({ params }) {
        const bytes = await library.preview(params.id);
        const format = bytes && sniffImage(bytes);
        if (!format) throw new UserError('preview.unknown', `Model ${params.id} has no preview.`);
        return new Response(bytes as Uint8Array<ArrayBuffer>, { headers: { 'content-type': `image/${format}` } });
      },
    }),
    route({
      ...one,
      method: 'patch',
      path: '/models/{id}/card',
      operation: 'setModelCard',
      role: 'admin',
      summary: 'Write about a model: description, trigger words, tags.',
      body: modelCardSchema,
      answer: model,
      handle: ({ params, body }, call) => modelOut(library.setCard(params.id, body), call.caller),
    }),
    ...pullRoutes(studio),
  ];
}

/** Before `/models/{id}`, which would take `trash` for an id. */
function trashRoutes({ library }: Studio): Route[] {
  const trash = new ModelTrash(library);
  const one = { tag: models, role: 'admin', params: idParams } as const;
  const answer = { description: 'What was moved.', schema: trashedModelSchema };
  return [
    route({
      method: 'get',
      path: '/models/trash',
      operation: 'listTrashedModels',
      tag: models,
      role: 'admin',
      summary: 'Models in the trash, newest first.',
      answer: { description: 'All of them.', schema: z.object({ models: z.array(trashedModelSchema) }) },
      handle: async () => ({ models: await trash.list() }),
    }),
    route({
      ...one,
      method: 'post',
      path: '/models/trash/{id}/restore',
      operation: 'restoreModel',
      summary: 'Bring a model back to where it lay; id is the one in the trash.',
      answer,
      handle: async ({ params }) => await trash.restore(params.id),
    }),
    route({
      ...one,
      method: 'delete',
      path: '/models/trash/{id}',
      operation: 'purgeModel',
      summary: 'Remove a model in the trash for good.',
      answer: { status: 204, description: 'Done.' },
      handle: async ({ params }) => void (await trash.purge(params.id)),
    }),
    route({
      ...one,
      method: 'delete',
      path: '/models/{id}',
      operation: 'removeModel',
      summary: 'Move a model to the trash of its folder; the answer’s id brings it back.',
      answer,
      handle: async ({ params }) => await trash.remove(params.id),
    }),
  ];
}

function pullRoutes({ pulls }: Studio): Route[] {
  const answer = { description: 'The download.', schema: pullSchema };
  return [
    route({
      method: 'get',
      path: '/pulls/starters',
      operation: 'listStarters',
      tag: downloads,
      role: 'viewer',
      summary: 'Models to start with; give source to a download.',
      answer: {
        description: 'All of them.',
        schema: z.object({ starters: z.array(starterSchema) }),
      },
      handle: () => ({ starters }),
    }),
    route({
      method: 'get',
      path: '/pulls',
      operation: 'listPulls',
      tag: downloads,
      role: 'viewer',
      summary: 'Downloads of models, newest first.',
      answer: { description: 'All of them.', schema: z.object({ pulls: z.array(pullSchema) }) },
      handle: () => ({ pulls: pulls.list().map(pullOut) }),
    }),
    route({
      method: 'post',
      path: '/pulls',
      operation: 'addPull',
      tag: downloads,
      role: 'admin',
      summary: 'Install a model from Hugging Face, Civitai, an address, or a path.',
      body: z.strictObject({
        source: z.string().min(1).max(2000),
        kind: z.enum(modelKinds).optional(),
        sha256: z.string().optional().describe('What its hash must be.'),
        name: z.string().max(200).optional().describe('File name to keep it under.'),
      }),
      answer: { ...answer, status: 202 },
      handle({ body: { source, ...options } }) {
        const defined = Object.fromEntries(Object.entries(options).filter(([, v]) => v !== undefined));
        return pullOut(pulls.add(source, defined));
      },
    }),
    ...(['pause', 'resume', 'cancel'] as const).map((verb) =>
      route({
        method: 'post',
        path: `/pulls/{id}/${verb}`,
        operation: `${verb}Pull`,
        tag: downloads,
        role: 'admin',
        summary: { pause: 'Hold a download.', resume: 'Go on with it.', cancel: 'Stop it and remove what came.' }[verb],
        params: idParams,
        answer,
        handle: async ({ params }) => pullOut(await pulls[verb](params.id)),
      }),
    ),
    route({
      method: 'delete',
      path: '/pulls/{id}',
      operation: 'removePull',
      tag: downloads,
      role: 'admin',
      summary: 'Forget an ended download; the model stays.',
      params: idParams,
      answer: { status: 204, description: 'Done.' },
      handle: ({ params }) => pulls.remove(params.id),
    }),
  ];
}

function modelOut(model: LibraryModel, caller: Caller): z.input<typeof modelSchema> {
  const { description, root: _root, legacyHash: _legacy, path, ...rest } = model;
  const { family, variant, title: about, problem, parameters } = description;
  return {
    ...rest,
    about,
    parameters,
    ...(caller.role === 'admin' ? { path } : {}),
    ...(family === undefined ? {} : { family }),
    ...(variant === undefined ? {} : { variant }),
    ...(problem === undefined ? {} : { problem }),
  };
}

/** Where files lie is not for everybody to know. */
export function pullOut({ options: _options, files, ...pull }: Pull): z.input<typeof pullSchema> {
  return {
    ...pull,
    files: files.map(({ name, done, total }) => ({ name, done, ...(total === undefined ? {} : { total }) })),
  };
}
