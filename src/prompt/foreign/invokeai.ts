/**
 * InvokeAI from 3 on: JSON under `invokeai_metadata`. Models are objects whose keys are called otherwise before version 4;
 * a scheduler whose name ends in `_k` has the noise levels of Karras; weights are compel's. Source: invokeai/app/invocations/metadata.py
 * (CoreMetadata), frontend metadata parsers. Left out and named: control networks and pictures that a picture follows.
 */

import { mayWeigh } from '../emphasis.ts';
import { type Dialect, type Json, loraTag, numberOf, objectOf, parseObject, sizeText, textOf } from './dialect.ts';

export const invokeAi: Dialect = {
  program: 'InvokeAI',
  keywords: ['invokeai_metadata'],
  read(texts) {
    const settings = parseObject(texts.get('invokeai_metadata'));
    if (!settings) return undefined;
    const scheduler = textOf(settings.scheduler);
    const loras = listOf(settings.loras).map(({ lora, model, weight }) => loraTag(nameOf(lora ?? model), weight));
    const switchAt = Number(settings.refiner_start);
    const refiner = nameOf(settings.refiner_model);
    const [prompt, negativePrompt] = [settings.positive_prompt, settings.negative_prompt].map((text) =>
      withoutTriggers(textOf(text) ?? ''),
    ) as [string, string];
    return {
      prompt: [prompt, ...loras].filter(Boolean).join(' '),
      negativePrompt,
      entries: [
        ['Steps', numberOf(settings.steps)],
        ['Sampler', scheduler?.replace(/_k$/, '')],
        ['Schedule type', scheduler?.endsWith('_k') ? 'karras' : undefined],
        ['CFG scale', numberOf(settings.cfg_scale)],
        ['CFG rescale', positive(settings.cfg_rescale_multiplier)],
        ['Seed', numberOf(settings.seed)],
        ['Size', sizeText(settings.width, settings.height)],
        ['Model', nameOf(settings.model)],
        ['VAE', nameOf(settings.vae)],
        ['Denoising strength', numberOf(settings.strength)],
        ['Clip skip', positive(settings.clip_skip) && Number(settings.clip_skip) + 1],
        ['Tiling', settings.seamless_x === true || settings.seamless_y === true ? true : undefined],
        ['RNG', settings.rand_device === 'cpu' ? 'CPU' : undefined],
        ['Refiner', refiner],
        ['Refiner switch at', refiner !== undefined && switchAt > 0 ? switchAt : undefined],
        ['Emphasis', [prompt, negativePrompt].some((text) => mayWeigh('compel', text)) ? 'compel' : undefined],
        ['InvokeAI', beside(settings)],
      ],
    };
  },
};

/** Embeddings by their names alone; there they stand in angle brackets. */
export function withoutTriggers(prompt: string): string {
  return prompt.replace(/<([^<>:]+)>/g, '$1');
}

/** What it used beside, by its words; nothing acts on them here. */
function beside(settings: Json): string | undefined {
  const named = ['controlnets', 'ipAdapters', 't2iAdapters', 'ref_images', 'init_image', 'positive_style_prompt'];
  const used = named.filter((key) => {
    const value = settings[key];
    return Array.isArray(value) ? value.length > 0 : Boolean(value);
  });
  return used.length > 0 ? used.join(', ') : undefined;
}

function nameOf(model: unknown): string | undefined {
  const given = objectOf(model);
  return textOf(given?.model_name) ?? textOf(given?.name);
}

function listOf(value: unknown): Json[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : [];
  return list.map(objectOf).filter((each) => each !== undefined);
}

function positive(value: unknown): number | string | undefined {
  return Number(value) > 0 ? numberOf(value) : undefined;
}
