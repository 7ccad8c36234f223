/** A request as callers write it, made into one that can be stored and run again with the same result. */

import { randomInt } from 'node:crypto';
import { UserError } from '#core/errors';
import { type GenerateInput, generateSchema } from '#pipelines/request';
import type { ModelKind } from '../library/layout.ts';
import type { Library } from '../library/library.ts';
import type { StoredRequest } from '../queue/job.ts';

export const checkpointKinds = ['checkpoint', 'unet'] as const satisfies readonly ModelKind[];
export const vaeKinds = ['vae'] as const satisfies readonly ModelKind[];

/**
 * Fills in defaults, draws seeds, and gives models the names that the library has for them: a request never reaches a
 * file outside it.
 * @throws UserError `request.invalid`, `model.unknown`
 */
export function checkRequest(input: GenerateInput, library: Library, defaultModel: string): StoredRequest {
  const { init, mask, ...fields } = input;
  if (mask && !init) {
    throw new UserError('request.invalid', 'mask: a mask needs a picture (init) that it is the mask of.');
  }
  const result = generateSchema.safeParse(fields);
  if (!result.success) {
    const issue = result.error.issues[0]!;
    throw new UserError('request.invalid', `${issue.path.join('.') || 'request'}: ${issue.message}.`);
  }
  const { model = defaultModel, vae = '', ...request } = result.data;
  const ownVae = /^(automatic|none)?$/i.test(vae);
  return {
    ...request,
    ...(model === '' ? {} : { model: library.find(model, checkpointKinds).name }),
    ...(ownVae ? {} : { vae: library.find(vae, vaeKinds).name }),
    seed: request.seed < 0 ? drawSeed() : request.seed,
    subseed: request.subseed < 0 ? drawSeed() : request.subseed,
  };
}

/** 32 bits, as A1111 draws. */
function drawSeed(): number {
  return randomInt(2 ** 32);
}
