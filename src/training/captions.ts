/**
 * What is said of a picture in one step: tags in another order or left out, a template around them, nothing at all now
 * and then. The rules are kohya's (library/train_util.py `process_caption`) and A1111's templates.
 */

import type { RandomSource } from './random.ts';

export interface CaptionRules {
  readonly separator: string;
  readonly prefix?: string | undefined;
  readonly suffix?: string | undefined;
  readonly shuffle: boolean;
  /** Tags that stay first. */
  readonly keep: number;
  readonly dropout: number;
  readonly tagDropout: number;
  /** Every n-th epoch without captions; 0: none. */
  readonly emptyEpochs: number;
  /** Lines with `[filewords]` and `[name]`, of which one is drawn. */
  readonly templates: readonly string[];
  /** What `[name]` stands for. */
  readonly name: string;
}

/** `epoch` counts from 0. */
export function drawCaption(caption: string, rules: CaptionRules, epoch: number, random: RandomSource): string {
  const { dropout, emptyEpochs, templates, name } = rules;
  if (dropout > 0 && random.uniform() < dropout) return '';
  if (emptyEpochs > 0 && epoch > 0 && epoch % emptyEpochs === 0) return '';
  const words = drawTags(caption, rules, random);
  if (templates.length === 0) return around(words, rules);
  const template = templates[templates.length === 1 ? 0 : random.integer(templates.length)]!;
  return around(template.replaceAll('[filewords]', words).replaceAll('[name]', name), rules);
}

/** The caption as it is measured and shown: nothing drawn, the first template. */
export function plainCaption(caption: string, rules: CaptionRules): string {
  const [template = '[filewords]'] = rules.templates;
  return around(template.replaceAll('[filewords]', caption).replaceAll('[name]', rules.name), rules);
}

function around(text: string, { prefix, suffix }: CaptionRules): string {
  return [prefix, text, suffix].filter((part) => part !== undefined && part !== '').join(' ');
}

function drawTags(
  caption: string,
  { separator, shuffle, keep, tagDropout }: CaptionRules,
  random: RandomSource,
): string {
  if (!shuffle && tagDropout === 0) return caption;
  const tags = caption
    .split(separator)
    .map((tag) => tag.trim())
    .filter((tag) => tag !== '');
  const fixed = tags.slice(0, keep);
  const free = tags.slice(keep);
  if (shuffle) shuffleInPlace(free, random);
  const left = tagDropout === 0 ? free : free.filter(() => random.uniform() >= tagDropout);
  return [...fixed, ...left].join(`${separator.trim()} `);
}

/** Fisher and Yates. */
export function shuffleInPlace<T>(items: T[], random: RandomSource): T[] {
  for (let i = items.length - 1; i > 0; i--) {
    const j = random.integer(i + 1);
    [items[i], items[j]] = [items[j]!, items[i]!];
  }
  return items;
}

/** Prompts of samples in kohya's line syntax; a leading `#` makes a remark. */
export interface SamplePrompt {
  readonly prompt: string;
  readonly negativePrompt?: string;
  readonly width?: number;
  readonly height?: number;
  readonly seed?: number;
  readonly cfgScale?: number;
  readonly steps?: number;
}

const promptFlags: Readonly<Record<string, readonly [keyof SamplePrompt, 'text' | 'number']>> = {
  n: ['negativePrompt', 'text'],
  w: ['width', 'number'],
  h: ['height', 'number'],
  d: ['seed', 'number'],
  l: ['cfgScale', 'number'],
  s: ['steps', 'number'],
};

/** Undefined for an empty line or a remark. */
export function parseSamplePrompt(line: string): SamplePrompt | undefined {
  const text = line.trim();
  if (text === '' || text.startsWith('#')) return undefined;
  const [prompt = '', ...flags] = text.split(/\s+--(?=[a-z]+(?:\s|$))/i);
  const found: Record<string, string | number> = { prompt: prompt.trim() };
  for (const flag of flags) {
    const [, name = '', value = ''] = /^(\w+)\s*(.*)$/s.exec(flag) ?? [];
    const [field, kind] = promptFlags[name.toLowerCase()] ?? [];
    if (field === undefined) found.prompt = `${found.prompt} --${flag}`;
    else found[field] = kind === 'number' ? Number(value) : value.trim();
  }
  return found as unknown as SamplePrompt;
}
