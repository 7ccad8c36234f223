/** The prompts of a pass as its denoiser reads them. */

import {
  type Conditioning,
  encodeComposition,
  encodePrompt,
  type WeightedConditioning,
  zeroed,
} from './conditioning.ts';
import type { LoadedTextEncoder } from './encode-chunks.ts';
import type { SamplingPass } from './job.ts';
import type { LoadingEvent, ModelSessions } from './sessions.ts';
import { callsOf, wordsOf } from './words.ts';

export interface EncodedPrompts {
  readonly cond: readonly WeightedConditioning[];
  readonly uncond: Conditioning;
}

export async function* encodePrompts(
  pass: SamplingPass,
  sessions: ModelSessions,
): AsyncGenerator<LoadingEvent, EncodedPrompts, undefined> {
  const { request, model, clipSkip, adapters } = pass;
  const encoders: LoadedTextEncoder[] = [];
  for (const part of model.parts.textEncoders) {
    encoders.push({ part, session: yield* sessions.textEncoder(part, clipSkip) });
  }
  const calls = callsOf(request, pass.plan.sampler);
  const { emphasis, commaPaddingBacktrack: commaBacktrack } = request;
  const callsBefore = pass.before && callsOf(pass.before.request, pass.before.plan.sampler);
  const options = { encoders, emphasis, commaBacktrack, embeddings: adapters.embeddings, callsBefore };
  const { prompt, negative } = wordsOf(request);
  const uncond = await encodePrompt(negative, calls, options);
  const isNothing = negative === '' && model.parts.zeroEmptyNegative === true;
  return { cond: await encodeComposition(prompt, calls, options), uncond: isNothing ? zeroed(uncond) : uncond };
}
