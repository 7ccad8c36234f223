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
    encoders.push({
      part,
      session: yield* sessions.textEncoder(part, { clipSkip, forced: request.clipSkipSdxl }, hides),
    });
  }
  const calls = callsOf(request, pass.plan.sampler);
  const { emphasis, commaPaddingBacktrack: commaBacktrack, oldPromptEditing: oldScheduling } = request;
  const callsBefore = pass.before && callsOf(pass.before.request, pass.before.plan.sampler);
  const options = { encoders, emphasis, commaBacktrack, embeddings: adapters.embeddings, callsBefore, oldScheduling };
  const { prompt, negative } = wordsOf(request);
  const isNothing = negative === '' && model.parts.zeroEmptyNegative === true;
  const [uncond, cond] = [
    await encodePrompt(negative, calls, options),
    await encodeComposition(prompt, calls, options),
  ];
  const against = isNothing ? zeroed(uncond) : uncond;
  if (request.padPromptsV0 && !isWindowed(emphasis)) return { cond, uncond: stretched(against, cond) };
  if (isWindowed(emphasis) || request.padPrompts) return evened(cond, against, await encodeText('', options));
  return { cond, uncond: against };
}

/**
 * The negative prompt cut to the prompt's length, or its last token repeated up to it: A1111's first way, which DDIM and
 * PLMS had before 1.6 (modules/sd_samplers_cfg_denoiser.py, `pad_cond_uncond_v0`).
 */
function stretched({ at }: Conditioning, cond: readonly WeightedConditioning[]): Conditioning {
  return {
    at(call) {
      const tokens = Math.max(...cond.map(({ conditioning }) => conditioning.at(call).tokens));
      const context = at(call);
      const width = context.data.length / context.tokens;
      const data = new Float32Array(tokens * width);
      data.set(context.data.subarray(0, data.length));
      const last = context.data.subarray(-width);
      for (let i = context.data.length; i < data.length; i += width) data.set(last, i);
      return { ...context, tokens, data };
    },
  };
}

/**
 * Both of one length at each call, with what an empty prompt says behind the shorter, as compel hands them to a network
 * and A1111 where it is told to (modules/sd_samplers_cfg_denoiser.py, `pad_cond`).
 */
function evened(cond: readonly WeightedConditioning[], uncond: Conditioning, empty: Context): EncodedPrompts {
  const all = [uncond, ...cond.map(({ conditioning }) => conditioning)];
  const filled = ({ at }: Conditioning): Conditioning => ({
    at(call) {
      const tokens = Math.max(...all.map((each) => each.at(call).tokens));
      const context = at(call);
      if (context.tokens === tokens) return context;
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
