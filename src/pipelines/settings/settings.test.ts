import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { findSampler } from '#diffusion/samplers/index';
import { findScheduler } from '#diffusion/schedules';
import { parseInfotext } from '#prompt/infotext';
import { writeInfotext } from '#prompt/infotext-writer';
import { preferenceByName } from './distilled.ts';
import {
  idleSettings,
  infotextEntries,
  preferenceSchema,
  preferring,
  settingRows,
  settingsOfInfotext,
  settingsSchema,
  valueType,
} from './index.ts';
import { reportInfotext } from './infotext-keys.ts';
import type { PictureFacts } from './setting.ts';

function factsOf(sampler: string, scheduler: string | undefined, request: Record<string, unknown>): PictureFacts {
  return {
    sampler: findSampler(sampler),
    scheduler: scheduler === undefined ? undefined : findScheduler(scheduler),
    size: { width: 64, height: 96 },
    seed: 7,
    variationSeed: 9,
    request: { ...settingsSchema.parse({}), ...request },
  };
}

describe('the table of settings', () => {
  it('tells forms how to show each, in the JSON Schema', () => {
    const { properties } = z.toJSONSchema(settingsSchema, { io: 'input' });
    expect(properties?.steps).toMatchObject({
      type: 'integer',
      default: 20,
      minimum: 1,
      description: 'Sampling steps.',
      label: 'Steps',
      group: 'sampling',
      control: 'slider',
      usual: [1, 60],
    });
    for (const [name] of settingRows) expect(properties?.[name], name).toHaveProperty('label');
  });

  it('has one row for each name of A1111 and of OpenAI', () => {
    const repeated = (names: readonly (string | undefined)[]) =>
      names.filter((name, i) => name !== undefined && names.indexOf(name) !== i);
    expect(repeated(settingRows.map(([, { a1111 }]) => a1111?.field))).toEqual([]);
    expect(repeated(settingRows.map(([, { a1111 }]) => a1111?.option))).toEqual([]);
    expect(repeated(settingRows.map(([, { openai }]) => openai))).toEqual([]);
  });

  it('comes back from the infotext that it was written into', () => {
    const given = {
      steps: 12,
      cfgScale: 3.5,
      eta: 0.4,
      sigmaMin: 0.1,
      sigmaMax: 9,
      rho: 5,
      discardPenultimateSigma: true,
      sgmNoiseMultiplier: true,
      subseedStrength: 0.25,
      seedResizeFromWidth: 96,
      seedResizeFromHeight: 80,
      randomSource: 'gpu',
      etaNoiseSeedDelta: 31337,
      clipSkip: 2,
      emphasis: 'No norm',
      commaPaddingBacktrack: 0,
      prompt: 'a (fox:1.2)',
    };
    const facts = factsOf('Euler a', 'Karras', given);
    const text = writeInfotext({ prompt: given.prompt, entries: infotextEntries(facts) });
    const read = settingsOfInfotext(parseInfotext(text));
    const held = Object.fromEntries(
      Object.entries(read).map(([name, value]) => [name, valueType(name as 'steps').parse(value)]),
    );
    expect(held).toMatchObject({ ...given, width: 64, height: 96, seed: 7, subseed: 9 });
    expect(reportInfotext(text)).toEqual({ missing: [], unheeded: [] });
  });

  it.each([
    ['Euler', { sChurn: 5 }, 'Sigma churn: 5', undefined],
    ['Euler a', { sChurn: 5 }, undefined, 'does not use it'],
    ['DDIM', { eta: 0.5 }, 'Eta DDIM: 0.5', undefined],
    ['Euler', { eta: 0.5 }, undefined, 'does not use it'],
    ['DDIM', { sigmaMax: 4 }, undefined, 'a schedule of its own'],
    ['UniPC', { unipcOrder: 2 }, 'UniPC order: 2', undefined],
    ['Euler', { denoisingStrength: 0.3 }, undefined, 'no picture to start from'],
    ['Euler', { denoisingStrength: 0.3, init: {} }, 'Denoising strength: 0.3', undefined],
    ['Euler', { maskInvert: true, init: {}, mask: {} }, 'Mask mode: Inpaint not masked', undefined],
    ['Euler', { etaNoiseSeedDelta: 1 }, undefined, 'does not use it'],
    ['Euler', { tiling: true }, 'Tiling: True', undefined],
    ['Euler', { tilingAxes: 'vertical' }, undefined, 'Tiling is off'],
    ['Euler', { pagScale: 3 }, 'PAG scale: 3', undefined],
  ])('of %s with %j is claimed (%s) or told (%s)', (sampler, request, claimed, told) => {
    const { grid } = findSampler(sampler);
    const facts = factsOf(sampler, grid ? undefined : 'Uniform', request);
    const text = writeInfotext({ prompt: '', entries: infotextEntries(facts) });
    const words = idleSettings(facts);
    if (claimed === undefined) {
      expect(words).toEqual([expect.stringContaining(told)]);
      const key = settingRows.find(([name]) => name === Object.keys(request)[0])![1].infotext!.keys[0]!;
      expect(text).not.toContain(`${key}:`);
    } else {
      expect(text).toContain(claimed);
      expect(words).toEqual([]);
    }
  });
});

describe('what an infotext asks for', () => {
  const report = (parameters: string) => reportInfotext(`a\nSteps: 2, Sampler: Euler, Seed: 1, ${parameters}`);

  it('and is not there', () => {
    expect(report('Face restoration: GFPGAN').missing).toEqual([]);
    expect(report('ControlNet 0: "Module: canny, Model: x"')).toEqual({ missing: [], unheeded: [] });
  });

  it('and nothing acts on', () => {
    expect(report('Randomness: 3, Lora hashes: "a: 0123", Version: v1.2.1')).toEqual({
      missing: [],
      unheeded: ['Randomness'],
    });
  });

  it('is the old behaviour that its version stands for', () => {
    const read = (sampler: string, version: string) =>
      settingsOfInfotext(parseInfotext(`[a:b:0.5]\nSteps: 2, Sampler: ${sampler}, Seed: 1, Version: ${version}`));
    const old = { oldPromptEditing: true, padPromptsV0: true, downcastAlphas: true };
    expect(read('DDIM', 'v1.5.1')).toMatchObject(old);
    expect(read('Euler', 'v1.6.0')).toMatchObject({ downcastAlphas: true });
    for (const name of Object.keys(old)) expect(read('DDIM', 'v1.10.1')).not.toHaveProperty(name);
  });

  it('is nothing for what every text has', () => {
    expect(report('Model: x, Model hash: 0, VAE Encoder: Full, Refiner switch by sampling steps: False')).toEqual({
      missing: [],
      unheeded: [],
    });
    expect(reportInfotext('just a prompt: with, colons: here, and: there')).toEqual({ missing: [], unheeded: [] });
  });
});

describe('what a model prefers', () => {
  it('stands for what a request leaves open', () => {
    const preference = { cfgScale: 2, steps: 4 };
    expect(preferring({ prompt: 'a', steps: 9, cfgScale: undefined }, preference)).toEqual({
      prompt: 'a',
      steps: 9,
      cfgScale: 2,
    });
    expect(preferring({ prompt: 'a' })).toEqual({ prompt: 'a' });
  });

  it.each([
    ['sdxl_lightning_8step', { sampler: 'Euler', scheduler: 'SGM Uniform', steps: 8, cfgScale: 1 }],
    ['Hyper-SDXL-4steps', { sampler: 'TCD', steps: 4, cfgScale: 1 }],
    ['dreamshaper_LCM', { sampler: 'LCM', steps: 6, cfgScale: 1.5 }],
    ['sd_xl_turbo_1.0_fp16', { sampler: 'Euler a', steps: 4, cfgScale: 1 }],
    ['hyperRealism_v20', undefined],
    ['Hyper Realism', undefined],
    ['turbocharged', undefined],
  ])('is told by a name such as %s', (name, expected) => {
    expect(preferenceByName(name)).toEqual(expected);
    if (expected) expect(preferenceSchema.parse(expected)).toEqual(expected);
    if (expected) expect(findSampler(expected.sampler).name).toBe(expected.sampler);
  });
});
