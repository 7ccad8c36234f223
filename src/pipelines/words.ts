/** What text encoders get to read of a request: its prompts without comments and networks, over all denoiser calls. */

import { findSamplerAndScheduler, type SamplerRow } from '#diffusion/samplers/index';
import { stripComments } from '#prompt/comments';
import { splitComposition } from '#prompt/composition';
import { extractExtraNetworks } from '#prompt/extra-networks';
import { schedulePrompt } from '#prompt/schedule';
import type { GenerateRequest } from './request.ts';

/** Denoiser calls that A1111 counts, of which second-order samplers make two a step. */
export function callsOf({ steps }: GenerateRequest, { secondOrder }: Pick<SamplerRow, 'secondOrder'>): number {
  return steps * (secondOrder ? 2 : 1);
}

export function wordsOf({ prompt, negativePrompt }: Pick<GenerateRequest, 'prompt' | 'negativePrompt'>): {
  prompt: string;
  negative: string;
} {
  return {
    prompt: extractExtraNetworks(stripComments(prompt)).prompt,
    negative: stripComments(negativePrompt),
  };
}

/** Every text that the prompts become, each once. */
export function textsOf(request: GenerateRequest): string[] {
  const { sampler } = findSamplerAndScheduler(request.sampler, request.scheduler);
  const { prompt, negative } = wordsOf(request);
  const wholes = [...splitComposition(prompt).map(({ text }) => text), negative];
  const steps = callsOf(request, sampler);
  // The second pass of hires fix goes on counting.
  const passes = request.hires ? [{ steps }, { steps, hiresSteps: request.hiresSteps || steps }] : [{ steps }];
  const oldScheduling = request.oldPromptEditing;
  const entries = wholes.flatMap((whole) =>
    passes.flatMap((pass) => schedulePrompt(whole, { ...pass, oldScheduling })),
  );
  return [...new Set(entries.map(({ text }) => text))];
}
