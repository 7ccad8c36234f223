/** InvokeAI from 3 on: JSON under `invokeai_metadata`. Source: invokeai/app/invocations/metadata.py (CoreMetadata). */

import { type Dialect, numberOf, objectOf, parseObject, sizeText, textOf } from './dialect.ts';

export const invokeAi: Dialect = {
  program: 'InvokeAI',
  keywords: ['invokeai_metadata'],
  read(texts) {
    const settings = parseObject(texts.get('invokeai_metadata'));
    if (!settings) return undefined;
    const model = objectOf(settings.model);
    return {
      prompt: textOf(settings.positive_prompt) ?? '',
      negativePrompt: textOf(settings.negative_prompt) ?? '',
      entries: [
        ['Steps', numberOf(settings.steps)],
        ['Sampler', textOf(settings.scheduler)],
        ['CFG scale', numberOf(settings.cfg_scale)],
        ['Seed', numberOf(settings.seed)],
        ['Size', sizeText(settings.width, settings.height)],
        ['Model', textOf(model?.model_name) ?? textOf(model?.name)],
        ['Clip skip', typeof settings.clip_skip === 'number' ? settings.clip_skip + 1 : undefined],
      ],
    };
  },
};
