import { describe, expect, it } from 'vitest';
import { findSampler } from '#diffusion/samplers/index';
import { findScheduler } from '#diffusion/schedules';
import type { LeftOut } from './adapters.ts';
import type { GenerationJob } from './job.ts';
import { type GenerateInput, generateSchema } from './request.ts';
import { unheeded } from './unheeded.ts';

/** As much of a job as is looked at. */
function jobOf(input: GenerateInput, maxClipSkip = 12, leftOut: readonly LeftOut[] = []): GenerationJob {
  const request = generateSchema.parse(input);
  const sampler = findSampler(request.sampler);
  return {
    request,
    plan: { sampler, scheduler: sampler.grid ? undefined : findScheduler('Karras') },
    size: { width: 64, height: 64 },
    seeds: [1],
    variationSeeds: [],
    clipSkip: Math.min(request.clipSkip, maxClipSkip),
    adapters: { leftOut, warnings: [] },
    model: { parts: { limits: { maxClipSkip } } },
  } as unknown as GenerationJob;
}

describe('what a request asks for and does not get', () => {
  it('is nothing for a plain one', () => {
    expect(unheeded(jobOf({ prompt: 'a (fox:1.2)', steps: 5 }), ['style'])).toEqual([]);
  });

  it('is told by name: adapters, embeddings as words of their own, too deep a clip skip, settings that do not act', () => {
    const prompt = 'a fox <lora:film:0.8> by My-Style, mystyles # <lora:comment:1>';
    const negativePrompt = 'bad <hypernet:x:1>';
    const input = { prompt, negativePrompt, clipSkip: 13, sampler: 'Euler a', sChurn: 4 };
    const leftOut = [{ tag: '<lora:film:0.8>', reason: 'there is no LoRA "film".' }];
    expect(unheeded(jobOf(input, 12, leftOut), ['my-style', 'mystyle', 'bad'])).toEqual([
      '<lora:film:0.8> is left out: there is no LoRA "film".',
      '<hypernet:x:1> in the negative prompt is read as words.',
      'my-style, bad: read as words; embeddings cannot be applied yet.',
      "Clip skip 13 is more than this model's text encoder has; 12 was taken.",
      'Sigma churn (sChurn) has no effect: the sampler Euler a does not use it.',
    ]);
  });

  it('finds a name that occurs again and again in linear time', () => {
    expect(unheeded(jobOf({ prompt: 'aa'.repeat(50_000) }), ['aa'])).toEqual([]);
  });
});
