/**
 * NovelAI: the prompt under `Description`, settings as JSON under `Comment`, `Software` says whose they are.
 * Source: A1111 modules/images.py, read_info_from_image; it sets clip skip 2 and the noise seed delta for these
 * pictures. From version 4 on characters have captions of their own, which follow the prompt. Left out: their weights in
 * braces, which A1111 also leaves as they are.
 */

import { type Dialect, numberOf, objectOf, parseObject, sizeText, textOf } from './dialect.ts';

/** A1111 takes this where it does not know the name. */
const fallbackSampler = 'Euler a';

export const novelAi: Dialect = {
  program: 'NovelAI',
  keywords: ['Software', 'Description', 'Comment'],
  read(texts, size) {
    const settings = texts.get('Software') === 'NovelAI' ? parseObject(texts.get('Comment')) : undefined;
    if (!settings) return undefined;
    const prompt = texts.get('Description') ?? textOf(settings.prompt) ?? '';
    const schedule = textOf(settings.noise_schedule);
    return {
      prompt: withCharacters(prompt, settings.v4_prompt),
      negativePrompt: withCharacters(textOf(settings.uc) ?? '', settings.v4_negative_prompt),
      entries: [
        ['Steps', numberOf(settings.steps)],
        ['Sampler', textOf(settings.sampler) ?? fallbackSampler],
        ['Schedule type', schedule === 'native' ? undefined : schedule],
        ['CFG scale', numberOf(settings.scale)],
        ['CFG rescale', Number(settings.cfg_rescale) > 0 ? numberOf(settings.cfg_rescale) : undefined],
        ['Seed', numberOf(settings.seed)],
        ['Size', size && sizeText(size.width, size.height)],
        // What a picture was made from is not in it.
        ['Denoising strength', settings.request_type === 'Img2ImgRequest' ? numberOf(settings.strength) : undefined],
        ['Clip skip', 2],
        ['ENSD', 31337],
      ],
    };
  },
};

/** The captions of characters behind the prompt; one that says nothing is left out. */
function withCharacters(prompt: string, structured: unknown): string {
  const caption = objectOf(objectOf(structured)?.caption);
  const listed: readonly unknown[] = Array.isArray(caption?.char_captions) ? caption.char_captions : [];
  const characters = listed.map((each) => textOf(objectOf(each)?.char_caption)?.trim());
  return [prompt, ...characters].filter(Boolean).join(', ');
}
