/** The one place where a picture enters the index. */

import type { Database } from '../store/database.ts';
import { newId } from '../store/id.ts';
import type { InfotextFields } from './infotext-fields.ts';

type Optional<T> = { readonly [K in keyof T]: T[K] | undefined };

export interface ImageFacts extends Optional<Omit<InfotextFields, 'prompt' | 'negativePrompt'>> {
  readonly user: string;
  readonly job: string | undefined;
  readonly index: number | undefined;
  readonly path: string;
  readonly format: string;
  readonly bytes: number;
  readonly width: number;
  readonly height: number;
  readonly createdAt: number;
  readonly prompt: string;
  readonly negativePrompt: string;
  readonly infotext: string;
  readonly trashedAt?: number | undefined;
}

/** @returns the new picture's id */
export function insertImage(db: Database, facts: ImageFacts): string {
  const id = newId(facts.createdAt);
  db.run(
    `INSERT INTO images (id, user, job, job_index, path, format, bytes, width, height, created_at, prompt,
       negative_prompt, model, model_hash, sampler, scheduler, steps, cfg_scale, seed, infotext, trashed_at)
     VALUES (:id, :user, :job, :index, :path, :format, :bytes, :width, :height, :createdAt, :prompt,
       :negativePrompt, :model, :modelHash, :sampler, :scheduler, :steps, :cfgScale, :seed, :infotext, :trashedAt)`,
    { id, ...integers(facts) },
  );
  return id;
}

/** Infotexts of other programs may hold numbers that the strict columns refuse. */
function integers(facts: ImageFacts) {
  const whole = (value: number | undefined) => (Number.isSafeInteger(value) ? value : undefined);
  const { steps, seed, createdAt, ...rest } = facts;
  const optional = { model: undefined, modelHash: undefined, sampler: undefined, scheduler: undefined };
  return {
    ...optional,
    cfgScale: undefined,
    trashedAt: undefined,
    ...rest,
    steps: whole(steps),
    seed: whole(seed),
    createdAt: Math.trunc(createdAt),
  };
}
