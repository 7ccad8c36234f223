/** The prompts of a pass as its denoiser reads them. */

import { stripComments } from '#prompt/comments';
import { extractExtraNetworks } from '#prompt/extra-networks';
import {
  type Conditioning,
  encodeComposition,
  encodePrompt,
  type LoadedTextEncoder,
  type WeightedConditioning,
  zeroed,
} from './conditioning.ts';
import type { SamplingPass } from './job.ts';
import type { LoadingEvent, ModelSessions } from './sessions.ts';

export interface EncodedPrompts {
  readonly cond: readonly WeightedConditioning[];
  readonly uncond: Conditioning;
}

export async function* encodePrompts(
  pass: SamplingPass,
  sessions: ModelSessions,
): AsyncGenerator<LoadingEvent, EncodedPrompts, undefined> {
  const { request, model, clipSkip } = pass;
  const encoders: LoadedTextEncoder[] = [];
  for (const part of model.parts.textEncoders) {
    encoders.push({ part, session: yield* sessions.textEncoder(part, clipSkip) });
  }
  const calls = callsOf(pass);
  const options = { encoders, emphasis: request.emphasis, commaBacktrack: request.commaPaddingBacktrack };
  const { prompt } = extractExtraNetworks(stripComments(request.prompt));
  const negative = stripComments(request.negativePrompt);
  const uncond = await encodePrompt(negative, calls, options);
  const isNothing = negative === '' && model.parts.zeroEmptyNegative === true;
  return { cond: await encodeComposition(prompt, calls, options), uncond: isNothing ? zeroed(uncond) : uncond };
}

/** Denoiser calls that A1111 counts, of which second-order samplers make two a step. */
export function callsOf({ request, plan }: SamplingPass): number {
  return request.steps * (plan.sampler.secondOrder ? 2 : 1);
}
