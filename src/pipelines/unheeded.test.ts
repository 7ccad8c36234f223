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
    loras = [],
    finishesOnly = false,
  }: {
    maxClipSkip?: number;
    leftOut?: readonly LeftOut[];
    words?: readonly string[];
    loras?: readonly string[];
    finishesOnly?: boolean;
  } = {},
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
    adapters: { leftOut, loras, warnings: [], embeddings: { warnings: words } },
    controls: noControls,
    passes: [],
    model: { reference: { name: 'xl' }, parts: { limits: { maxClipSkip }, finishesOnly } },
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

  it('is a picture that a refiner is to draw from noise', () => {
    const sentence = 'xl was trained to finish pictures: take a base model, and xl as its refiner.';
    expect(unheeded(jobOf({ prompt: 'a fox' }, { finishesOnly: true }))).toEqual([sentence]);
    const init = { width: 64, height: 64, channels: 3, data: new Uint8Array(3 * 64 * 64) } as const;
    const job = jobOf({ prompt: 'a fox' }, { finishesOnly: true });
    expect(unheeded({ ...job, asked: { ...job.asked, init } })).toEqual([]);
  });

  it('is a LoRA for few steps under usual guidance', () => {
    const loras = ['film', 'sdxl_lightning_8step_lora'];
    expect(unheeded(jobOf({ prompt: 'a fox', steps: 20, cfgScale: 7 }, { loras }))).toEqual([
      'sdxl_lightning_8step_lora is by its name for few steps (8 steps, CFG scale 1, sampler Euler); ' +
        'with 20 steps and CFG scale 7 pictures glare.',
    ]);
    expect(unheeded(jobOf({ prompt: 'a fox', steps: 8, cfgScale: 1.5 }, { loras }))).toEqual([]);
  });
});
