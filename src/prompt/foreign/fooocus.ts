/** Fooocus with its own scheme: JSON under `parameters`. Source: Fooocus modules/meta_parser.py. */

import { type Dialect, numberOf, parseObject, textOf } from './dialect.ts';

export const fooocus: Dialect = {
  program: 'Fooocus',
  keywords: ['parameters', 'fooocus_scheme'],
  read(texts) {
    const settings = parseObject(texts.get('parameters'));
    if (!settings || typeof settings.prompt !== 'string') return undefined;
    const [, width, height] = /^\((\d+), (\d+)\)$/.exec(textOf(settings.resolution) ?? '') ?? [];
    return {
      prompt: settings.prompt,
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
      ],
    };
  },
};
