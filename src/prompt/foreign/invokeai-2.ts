/**
 * InvokeAI before 3: JSON under `sd-metadata`, and the line of its command prompt under `Dream`, which is read where the
 * other is not there. Words in square brackets are what the picture should not have; the other signs are compel's.
 *
 * Source: InvokeAI 2.2 ldm/invoke/{args,pngwriter,conditioning}.py and ldm/models/diffusion/ksampler.py (noise levels of
 * Karras below `karras_max` steps, for k-diffusion's samplers; later versions draw with diffusers). Left out and named:
 * its own noise (Perlin, threshold), variations, faces, upscaling, its two-pass mode.
 */

import { mayWeigh } from '../emphasis.ts';
import { type Dialect, type Json, numberOf, objectOf, parseObject, sizeText, textOf } from './dialect.ts';
import { withoutTriggers } from './invokeai.ts';

export const invokeAi2: Dialect = {
  program: 'InvokeAI 2',
  keywords: ['sd-metadata', 'Dream'],
  read(texts) {
    const file = parseObject(texts.get('sd-metadata'));
    const image = objectOf(file?.image);
    const settings = image ? settingsOf(image, file ?? {}) : ofDream(texts.get('Dream'));
    if (!settings) return undefined;
    const negative: string[] = [];
    const prompt = settings.prompt.replace(/\[([^[\]]*)\]/g, (_, words: string) => {
      negative.push(words.trim());
      return '';
    });
    const steps = Number(settings.steps);
    const usesKarras = settings.version !== undefined && /^v?2\.[0-2]\b/.test(settings.version);
    const [, kSampler] = /^k_(.+)$/.exec(settings.sampler ?? '') ?? [];
    return {
      prompt: withoutTriggers(prompt.replace(/ {2,}/g, ' ').trim()),
      negativePrompt: withoutTriggers(negative.filter(Boolean).join(', ')),
      entries: [
        ['Steps', settings.steps],
        ['Sampler', samplerNames[kSampler ?? ''] ?? kSampler ?? settings.sampler],
        ['Schedule type', usesKarras && kSampler && steps < 29 ? 'karras' : undefined],
        ['CFG scale', settings.guidance],
        ['Seed', settings.seed],
        ['Size', settings.size],
        ['Model', settings.model],
        ['Denoising strength', settings.strength],
        ['Tiling', settings.seamless ? true : undefined],
        ['Emphasis', mayWeigh('compel', prompt) ? 'compel' : undefined],
        ['InvokeAI', settings.beside.length > 0 ? settings.beside.join(', ') : undefined],
      ],
    };
  },
};

/** Its own short names. */
const samplerNames: Readonly<Record<string, string>> = { dpmpp_2: 'dpmpp_2m', dpmpp_2_a: 'dpmpp_2s_a' };

interface Settings {
  readonly prompt: string;
  readonly steps: number | string | undefined;
  readonly sampler: string | undefined;
  readonly guidance: number | string | undefined;
  readonly seed: number | string | undefined;
  readonly size: string | undefined;
  readonly model?: string | undefined;
  readonly version?: string | undefined;
  readonly strength: number | string | undefined;
  readonly seamless: boolean;
  readonly beside: readonly string[];
}

function settingsOf(image: Json, file: Json): Settings | undefined {
  const prompt = promptOf(image.prompt);
  if (prompt === undefined) return undefined;
  const used = ['perlin', 'threshold', 'hires_fix', 'variations', 'postprocessing', 'init_mask'].filter((key) => {
    const value = image[key];
    return Array.isArray(value) ? value.length > 0 : Boolean(value);
  });
  return {
    prompt,
    steps: numberOf(image.steps),
    sampler: textOf(image.sampler),
    guidance: numberOf(image.cfg_scale),
    seed: numberOf(image.seed),
    size: sizeText(image.width, image.height),
    model: textOf(file.model_weights),
    version: textOf(file.app_version),
    strength: image.type === 'img2img' ? numberOf(image.strength ?? image.strength_steps) : undefined,
    seamless: image.seamless === true,
    beside: used,
  };
}

/** A text, or parts with weights of their own (`words:1.2`), which come one after the other. */
function promptOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  const parts: readonly unknown[] = Array.isArray(value) ? value : [];
  const texts = parts.map((part) => {
    const { prompt, weight } = objectOf(part) ?? {};
    const own = textOf(prompt);
    return parts.length > 1 && own !== undefined ? `(${own})${numberOf(weight) ?? 1}` : own;
  });
  return texts.length > 0 && texts.every((text) => text !== undefined) ? texts.join(' ') : undefined;
}

/** `"a lighthouse" -s 50 -S 123 -W 512 -H 512 -C 7.5 -A k_lms`, the quotes where the program wrote them. */
function ofDream(line: string | undefined): Settings | undefined {
  const [, quoted, plain, switches = ''] = /^\s*(?:"((?:[^"\\]|\\.)*)"|(.+?))((?:\s-.*)?)$/s.exec(line ?? '') ?? [];
  const prompt = quoted?.replace(/\\(.)/g, '$1') ?? plain;
  const steps = switchOf(switches, 's');
  if (prompt === undefined || steps === undefined) return undefined;
  const [width, height] = [Number(switchOf(switches, 'W')), Number(switchOf(switches, 'H'))];
  const beside = ['--perlin', '--threshold', '--hires_fix', '-V', '-G', '-U', '-M'];
  return {
    prompt,
    steps: numberOf(steps),
    sampler: switchOf(switches, 'A'),
    guidance: numberOf(switchOf(switches, 'C')),
    seed: numberOf(switchOf(switches, 'S')),
    size: sizeText(width, height),
    strength: numberOf(switchOf(switches, 'f')),
    seamless: / --seamless\b/.test(switches),
    beside: beside.filter((name) => ` ${switches}`.includes(` ${name}`)),
  };
}

function switchOf(switches: string, name: string): string | undefined {
  return new RegExp(`\\s-${name} ?([^\\s-][^\\s]*)`).exec(switches)?.[1];
}
