/**
 * Fooocus with its own scheme: JSON under `parameters`. Source: Fooocus modules/meta_parser.py. Left out and named: what
 * its styles and its expansion add to the words, its sharpness and its sizes of guidance.
 */

import { type Dialect, type Json, loraTag, numberOf, parseObject, textOf } from './dialect.ts';

export const fooocus: Dialect = {
  program: 'Fooocus',
  keywords: ['parameters', 'fooocus_scheme'],
  read(texts) {
    const settings = parseObject(texts.get('parameters'));
    if (!settings || typeof settings.prompt !== 'string') return undefined;
    const [, width, height] = /^\((\d+), (\d+)\)$/.exec(textOf(settings.resolution) ?? '') ?? [];
    const refiner = named(settings.refiner_model);
    return {
      prompt: [settings.prompt, ...lorasOf(settings)].join(' '),
      negativePrompt: textOf(settings.negative_prompt) ?? '',
      entries: [
        ['Steps', numberOf(settings.steps)],
        ['Sampler', textOf(settings.sampler)],
        ['Schedule type', textOf(settings.scheduler)],
        ['CFG scale', numberOf(settings.guidance_scale)],
        ['Seed', numberOf(settings.seed)],
        ['Size', width && `${width}x${height}`],
        ['Model', textOf(settings.base_model)],
        ['Model hash', textOf(settings.base_model_hash)],
        ['VAE', named(settings.vae)],
        ['Clip skip', Number(settings.clip_skip) > 1 ? numberOf(settings.clip_skip) : undefined],
        ['Refiner', refiner],
        ['Refiner switch at', refiner === undefined ? undefined : numberOf(settings.refiner_switch)],
        ['Fooocus styles', named(settings.styles)],
        ['Fooocus performance', textOf(settings.performance)],
        ['Fooocus sharpness', numberOf(settings.sharpness)],
        ['Fooocus ADM guidance', textOf(settings.adm_guidance)],
      ],
    };
  },
};

/** A name that stands for something. */
function named(value: unknown): string | undefined {
  const name = textOf(value);
  return name === undefined || /^(none|\[\]|default \(model\)|)$/i.test(name) ? undefined : name;
}

/** A list of [name, weight, hash], or a line each: `name : weight`. */
function lorasOf(settings: Json): string[] {
  const { loras } = settings;
  const listed = Array.isArray(loras)
    ? loras.map((each) => (Array.isArray(each) ? loraTag(each[0], each[1]) : undefined))
    : [];
  const lines = Object.keys(settings).filter((key) => /^lora_combined_\d+$/.test(key));
  const combined = lines.map((key) => {
    const [, name, weight] = /^(.*) : (-?[\d.]+)$/.exec(textOf(settings[key]) ?? '') ?? [];
    return loraTag(name, weight);
  });
  return (listed.length > 0 ? listed : combined).filter((tag) => tag !== undefined);
}
