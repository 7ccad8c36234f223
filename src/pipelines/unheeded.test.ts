import { describe, expect, it } from 'vitest';
import { findSampler } from '#diffusion/samplers/index';
import { findScheduler } from '#diffusion/schedules';
import type { LeftOut } from './adapters.ts';
import { noControls } from './control/units.ts';
import type { GenerationJob } from './job.ts';
import { type GenerateInput, generateSchema } from './request.ts';
import { unheeded } from './unheeded.ts';

/** As much of a job as is looked at. */
function jobOf(
  input: GenerateInput,
  {
    maxClipSkip = 12,
    leftOut = [],
    words = [],
  }: { maxClipSkip?: number; leftOut?: readonly LeftOut[]; words?: readonly string[] } = {},
): GenerationJob {
  const request = generateSchema.parse(input);
  const sampler = findSampler(request.sampler);
  return {
    request,
    asked: request,
    plan: { sampler, scheduler: sampler.grid ? undefined : findScheduler('Karras') },
    size: { width: 64, height: 64 },
    seeds: [1],
    variationSeeds: [],
    clipSkip: Math.min(request.clipSkip, maxClipSkip),
    adapters: { leftOut, warnings: [], embeddings: { warnings: words } },
    controls: noControls,
    passes: [],
    model: { parts: { limits: { maxClipSkip } } },
  } as unknown as GenerationJob;
}

describe('what a request asks for and does not get', () => {
  it('is nothing for a plain one', () => {
    expect(unheeded(jobOf({ prompt: 'a (fox:1.2)', steps: 5 }))).toEqual([]);
  });

  it('is told by name: adapters, embeddings, too deep a clip skip, settings that do not act', () => {
    const prompt = 'a fox <lora:film:0.8> by My-Style, mystyles # <lora:comment:1>';
    const negativePrompt = 'bad <hypernet:x:1>';
    const input = { prompt, negativePrompt, clipSkip: 13, sampler: 'Euler a', sChurn: 4 };
    const leftOut = [{ tag: '<lora:film:0.8>', reason: 'there is no LoRA "film".' }];
    const words = ['bad is read as words: it is of another width.'];
    expect(unheeded(jobOf(input, { leftOut, words }))).toEqual([
      '<lora:film:0.8> is left out: there is no LoRA "film".',
      '<hypernet:x:1> in the negative prompt is read as words.',
      'bad is read as words: it is of another width.',
      "Clip skip 13 is more than this model's text encoder has; 12 was taken.",
      'Sigma churn (sChurn) has no effect: the sampler Euler a does not use it.',
    ]);
  });
});
