/** Handlers of the model library and of downloads. */

import { sep } from 'node:path';
import type { models, modelWork, pulls } from '#api/operations/models';
import type { JobRequests } from '#api/records/job';
import type { ModelWorkKind } from '#api/records/model-work';
import { requireEffect } from '#api/rights';
import { UserError } from '#core/errors';
import { inTurns } from '../events/next-turn.ts';
import { sniffImage } from '../images/codec.ts';
import { toldStarters } from '../pull/told-starters.ts';
import type { Context, HandlersOf } from './context.ts';
import { toldJob, toldModel, toldPull } from './told.ts';

export const modelHandlers = {
  async listModels({ hash, ...query }, { studio: { library }, caller }) {
    const hashed = hash === undefined ? undefined : new Set(library.byHash(hash).map(({ id }) => id));
    const found = library.list(query).filter(({ id }) => hashed?.has(id) ?? true);
    const models = [];
    for await (const model of inTurns(found, 1000)) models.push(toldModel(model, caller));
    return { models };
  },
  async addModelFolder({ folder }, { studio }) {
    const full = await studio.addModelFolder(folder);
    const models = studio.library.list().filter(({ path }) => path.startsWith(full + sep));
    return { folder: full, models: models.length };
  },
  refreshModels: async (_input, { studio }) => await studio.library.refresh(),
  async hashModels(_input, { studio: { library }, caller, signal }) {
    const hashed = [];
    for (const { id, sha256, hashError } of library.list()) {
      if (signal.aborted) break;
      if (sha256 === undefined && hashError === undefined) hashed.push(toldModel(await library.hash(id), caller));
    }
    return { models: hashed };
  },
  listTrashedModels: async (_input, { studio }) => ({ models: await studio.modelTrash.list() }),
  restoreModel: async ({ id }, { studio }) => await studio.modelTrash.restore(id),
  purgeModel: async ({ id }, { studio }) => void (await studio.modelTrash.purge(id)),
  getModel: ({ id }, { studio, caller }) => toldModel(studio.library.get(id), caller),
  removeModel: async ({ id }, { studio }) => await studio.modelTrash.remove(id),
  hashModel: async ({ id }, { studio, caller }) => toldModel(await studio.library.hash(id), caller),
  async getModelLimits({ id }, { studio }) {
    return await studio.library.limits(id);
  },
  getModelMetadata: async ({ id }, { studio }) => await studio.library.metadata(id),
  async getModelPreview({ id }, { studio }) {
    const body = await studio.library.preview(id);
    const format = body && sniffImage(body);
    if (!format) throw new UserError('preview.unknown', `Model ${id} has no preview.`);
    return { type: `image/${format}`, body };
  },
  setModelCard: ({ id, ...card }, { studio, caller }) => toldModel(studio.library.setCard(id, card), caller),
} satisfies HandlersOf<typeof models>;

export const modelWorkHandlers = {
  mergeModels: async (input, context) => await queued('merge', input, context),
  convertModel: async (input, context) => await queued('convert', input, context),
  extractLora: async (input, context) => await queued('extract', input, context),
} satisfies HandlersOf<typeof modelWork>;

type Order<K extends ModelWorkKind> = JobRequests[K] & { priority: number; label?: string | undefined; wait: boolean };

async function queued<K extends ModelWorkKind>(
  kind: K,
  { priority, label, wait, ...request }: Order<K>,
  { studio, caller, signal }: Context<true>,
) {
  if (priority > 0) requireEffect(caller, 'queue');
  const options = { user: caller.name, priority, label };
  const job = await studio.submitModelWork(kind, request as unknown as JobRequests[K], options);
  return { job: toldJob(wait ? await studio.wait(job.id, signal) : job, caller) };
}

/** The newest, for how long pictures take. */
const jobsLookedAt = 50;

export const pullHandlers = {
  async listStarters(_input, { studio: { library, queue } }) {
    const { jobs: done } = await queue.list({ kinds: ['picture'], states: ['done'], limit: jobsLookedAt });
    const memoryOf = async (family: string, side: number | undefined) => await library.published({ family, side });
    return { starters: await toldStarters({ models: library.list(), done, memoryOf }) };
  },
  listPulls: async (_input, { studio, caller }) => ({
    pulls: (await studio.pulls.list()).map((pull) => toldPull(pull, caller)),
  }),
  addPull: async ({ source, ...options }, { studio, caller }) =>
    toldPull(await studio.pulls.add(source, options, caller.name), caller),
  pausePull: async ({ id }, { studio, caller }) => toldPull(await studio.pulls.pause(id), caller),
  resumePull: async ({ id }, { studio, caller }) => toldPull(await studio.pulls.resume(id), caller),
  cancelPull: async ({ id }, { studio, caller }) => toldPull(await studio.pulls.cancel(id), caller),
  removePull: async ({ id }, { studio }) => await studio.pulls.remove(id),
} satisfies HandlersOf<typeof pulls>;
