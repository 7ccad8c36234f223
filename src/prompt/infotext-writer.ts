/**
 * Infotext, the generation parameters that travel in a picture, written.
 *
 * Source: AUTOMATIC1111 web UI v1.10.1, modules/processing.py, create_infotext (keys and their order). Which keys a
 * picture has, and when a value is worth showing, is for those who know the settings.
 */

import { trimSpace } from './characters.ts';
import { infotextNumber, quoteValue } from './infotext-values.ts';

/** A number may be given as text where its form matters, such as `7.0` or past 2^53. */
type EntryValue = string | number | boolean | null | undefined;

/** A list holds one value for each image; what is absent is left out, and so is a value whose image is missing. */
export type InfotextEntry = readonly [key: string, value: EntryValue | readonly EntryValue[]];

export interface InfotextParts {
  readonly prompt: string;
  readonly negativePrompt?: string;
  /** Standard keys go to their place, others follow in order; of the same key the last counts. */
  readonly entries: Iterable<InfotextEntry>;
  readonly version?: string;
  readonly user?: string;
}

/** The web UI's own keys in its order; all others come after them. */
const standardKeys: readonly string[] = [
  'Steps',
  'Sampler',
  'Schedule type',
  'CFG scale',
  'Image CFG scale',
  'Seed',
  'Face restoration',
  'Size',
  'Model hash',
  'Model',
  'FP8 weight',
  'Cache FP16 weight for LoRA',
  'VAE hash',
  'VAE',
  'Variation seed',
  'Variation seed strength',
  'Seed resize from',
  'Denoising strength',
  'Conditional mask weight',
  'Clip skip',
  'ENSD',
  'Token merging ratio',
  'Token merging ratio hr',
  'Init image hash',
  'RNG',
  'Tiling',
];

/** @param imageIndex which image of the batch the text is for: picks from lists */
export function writeInfotext(
  { prompt, negativePrompt, entries, version, user }: InfotextParts,
  imageIndex = 0,
): string {
  const values = new Map<string, EntryValue>();
  for (const [key, value] of entries) values.set(key, isList(value) ? value[imageIndex] : value);
  if (version !== undefined) values.set('Version', version);
  if (user !== undefined) values.set('User', user);
  const standard = standardKeys.filter((key) => values.has(key));
  const others = [...values.keys()].filter((key) => !standardKeys.includes(key));
  const parameters = [...standard, ...others].flatMap((key) => entryText(key, values.get(key))).join(', ');
  const negative = negativePrompt ? `\nNegative prompt: ${negativePrompt}` : '';
  return trimSpace(`${prompt}${negative}\n${parameters}`);
}

/** The same text without what it tells under these keys, for what was meant to be done and could not. */
export function withoutParameters(infotext: string, keys: readonly string[]): string {
  const told = new RegExp(`, (?:${keys.join('|')}): (?:"(?:[^"\\\\]|\\\\.)*"|[^,\\n]*)`, 'g');
  const end = infotext.lastIndexOf('\n') + 1;
  return infotext.slice(0, end) + infotext.slice(end).replace(told, '');
}

function isList(value: EntryValue | readonly EntryValue[]): value is readonly EntryValue[] {
  return Array.isArray(value);
}

/** No text for an absent value; the key alone for a value equal to it. */
function entryText(key: string, value: EntryValue): string[] {
  if (value === null || value === undefined) return [];
  return [value === key ? key : `${key}: ${valueText(value)}`];
}

function valueText(value: string | number | boolean): string {
  if (typeof value === 'number') return infotextNumber(value);
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  return quoteValue(value);
}
