/** Starters with what they take on this machine: memory by the engine's plan, time by what was drawn here before. */

import type { Starter, ToldStarter } from '#api/records/pull';
import type { PublishedMemory } from '#pipelines/memory/published';
import type { LibraryModel } from '../library/model.ts';
import type { PictureJob } from '../queue/job.ts';
import { secondsPerWork } from '../work/job-estimate.ts';
import { starters } from './starters.ts';

export interface StarterParts {
  readonly models: readonly LibraryModel[];
  /** The newest picture jobs that were done. */
  readonly done: readonly PictureJob[];
  /** Of a family's published model, for a square picture of `side` pixels or of the model's own size. */
  readonly memoryOf: (family: string, side: number | undefined) => Promise<PublishedMemory | undefined>;
}

/** Steps of a usual picture. */
const usualSteps = 20;
/** Files of less than this share of a starter's bytes are of another kind of model, however they are called. */
const leastShare = 1 / 3;

export async function toldStarters(parts: StarterParts): Promise<ToldStarter[]> {
  return await Promise.all(starters.map(async (starter) => await toldStarter(starter, parts)));
}

async function toldStarter(starter: Starter, parts: StarterParts): Promise<ToldStarter> {
  const { family, kind, side } = starter;
  const found = kind === 'checkpoint' && family !== undefined ? await parts.memoryOf(family, side) : undefined;
  if (!found) return starter;
  const { size, usual, least } = found;
  return { ...starter, memory: { usual, least }, seconds: secondsOf(starter, size, parts) };
}

function secondsOf(
  { bytes, family, steps = usualSteps }: Starter,
  size: PublishedMemory['size'],
  { models, done }: StarterParts,
): number | undefined {
  const isLike = (model: LibraryModel) => model.description.family === family && model.bytes >= leastShare * bytes;
  const like = new Set(models.filter(isLike).map(({ name }) => name));
  const jobs = done.filter(({ request: { model } }) => model !== undefined && like.has(model));
  const rate = secondsPerWork(jobs, size);
  return rate === undefined ? undefined : rate * size.width * size.height * steps;
}
