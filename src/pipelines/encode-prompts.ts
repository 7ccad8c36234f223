/** The prompts of a pass as its denoiser reads them. */

import { hidesWords } from '#prompt/compel/windows';
import { isWindowed } from '#prompt/emphasis';
import {
  type Conditioning,
  type Context,
  encodeComposition,
  encodePrompt,
  encodeText,
  type WeightedConditioning,
  zeroed,
} from './conditioning.ts';
import type { LoadedTextEncoder } from './encode-chunks.ts';
import type { SamplingPass } from './job.ts';
import type { LoadingEvent, ModelSessions } from './sessions.ts';
import { callsOf, textsOf, wordsOf } from './words.ts';

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
  const hides = isWindowed(request.emphasis) && textsOf(request).some(hidesWords);
  for (const part of model.parts.textEncoders) {
    encoders.push({ part, session: yield* sessions.textEncoder(part, clipSkip, hides) });
  }
  const calls = callsOf(request, pass.plan.sampler);
  const { emphasis, commaPaddingBacktrack: commaBacktrack } = request;
  const callsBefore = pass.before && callsOf(pass.before.request, pass.before.plan.sampler);
  const options = { encoders, emphasis, commaBacktrack, embeddings: adapters.embeddings, callsBefore };
  const { prompt, negative } = wordsOf(request);
  const isNothing = negative === '' && model.parts.zeroEmptyNegative === true;
  const [uncond, cond] = [
    await encodePrompt(negative, calls, options),
    await encodeComposition(prompt, calls, options),
  ];
  if (isWindowed(emphasis)) return evened(cond, isNothing ? zeroed(uncond) : uncond, await encodeText('', options));
  return { cond, uncond: isNothing ? zeroed(uncond) : uncond };
}

/** Both of one length, with what an empty prompt says behind the shorter, as compel hands them to a network. */
function evened(cond: readonly WeightedConditioning[], uncond: Conditioning, empty: Context): EncodedPrompts {
  const tokens = Math.max(
    ...[uncond, ...cond.map(({ conditioning }) => conditioning)].map((each) => each.at(0).tokens),
  );
  const filled = ({ at }: Conditioning): Conditioning => ({
    at(call) {
      const context = at(call);
      const data = new Float32Array((tokens * empty.data.length) / empty.tokens);
      data.set(context.data);
      for (let i = context.data.length; i < data.length; i += empty.data.length) data.set(empty.data, i);
      return { ...context, tokens, data };
    },
  });
  return {
    cond: cond.map((each) => ({ ...each, conditioning: filled(each.conditioning) })),
    uncond: filled(uncond),
  };
}
