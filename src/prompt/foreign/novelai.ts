/**
 * NovelAI: the prompt under `Description`, settings as JSON under `Comment`, `Software` says whose they are.
 * Source: A1111 modules/images.py, read_info_from_image; it sets clip skip 2 and the noise seed delta for these
 * pictures. Left out: their weights in braces, which A1111 also leaves as they are.
 */

import { type Dialect, numberOf, parseObject, sizeText, textOf } from './dialect.ts';

/** A1111 takes this where it does not know the name. */
const fallbackSampler = 'Euler a';

export const novelAi: Dialect = {
  program: 'NovelAI',
  keywords: ['Software', 'Description', 'Comment'],
  read(texts, size) {
    const settings = texts.get('Software') === 'NovelAI' ? parseObject(texts.get('Comment')) : undefined;
    if (!settings) return undefined;
    return {
      prompt: texts.get('Description') ?? textOf(settings.prompt) ?? '',
      negativePrompt: textOf(settings.uc) ?? '',
      entries: [
        ['Steps', numberOf(settings.steps)],
        ['Sampler', textOf(settings.sampler) ?? fallbackSampler],
        ['CFG scale', numberOf(settings.scale)],
        ['Seed', numberOf(settings.seed)],
        ['Size', size && sizeText(size.width, size.height)],
        ['Clip skip', 2],
        ['ENSD', 31337],
      ],
    };
  },
};
