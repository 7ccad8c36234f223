/**
 * Infotext, the generation parameters that travel in a picture, read.
 *
 * Prompt lines, then lines of the negative prompt, then one line of `Key: value` pairs. Source: AUTOMATIC1111 web UI
 * v1.10.1, modules/infotext_utils.py and infotext_versions.py (behaviour, with automatic compatibility on and no
 * stored styles). Left out: styles found in the prompt (see `extractStyle`) and settings that hide keys.
 */

import { parseAttention } from './attention.ts';
import { SPACE, trimSpace, trimSpaceStart, WORD } from './characters.ts';
import { unquoteValue } from './infotext-values.ts';
import { isOlder, parseVersion } from './infotext-version.ts';

/** Values as found in the text; numbers and booleans are defaults of keys that it lacks. */
export type InfotextValue = string | number | boolean;
export type ParsedInfotext = Readonly<Record<string, InfotextValue>>;

/** A line with fewer pairs is prompt text. */
const LEAST_PAIRS = 3;
const NEGATIVE_PROMPT = 'Negative prompt:';

/** `Prompt`, `Negative prompt`, each key of the text, and defaults for keys whose absence has a meaning. */
export function parseInfotext(text: string): ParsedInfotext {
  const lines = trimSpace(text).split('\n');
  const lastPairs = readPairs(lines.at(-1)!);
  const hasParameters = lastPairs.length >= LEAST_PAIRS;
  const fields = new Map<string, InfotextValue>();
  if (hasParameters) {
    lines.pop();
    for (const [key, value] of lastPairs) addPair(fields, key, value);
  }
  const { prompt, negativePrompt } = readPrompts(lines);
  dropRepeatedHiresPrompts(fields, prompt, negativePrompt);
  fields.set('Prompt', prompt + hypernetworkTag(fields));
  fields.set('Negative prompt', negativePrompt);
  restoreFirstPassSize(fields);
  for (const [key, value] of DEFAULTS) if (!fields.has(key)) fields.set(key, value);
  if (fields.get('FP8 weight') !== 'Disable' && !fields.has('Cache FP16 weight for LoRA'))
    fields.set('Cache FP16 weight for LoRA', false);
  if (!fields.has('Emphasis') && (usesEmphasis(prompt) || usesEmphasis(negativePrompt)))
    fields.set('Emphasis', 'Original');
  restoreOldBehaviour(fields);
  return Object.fromEntries(fields);
}

const DEFAULTS: readonly (readonly [string, InfotextValue])[] = [
  ['Clip skip', '1'],
  ['Hires resize-1', 0],
  ['Hires resize-2', 0],
  ['Hires sampler', 'Use same sampler'],
  ['Hires schedule type', 'Use same scheduler'],
  ['Hires checkpoint', 'Use same checkpoint'],
  ['Hires prompt', ''],
  ['Hires negative prompt', ''],
  ['Mask mode', 'Inpaint masked'],
  ['Masked content', 'original'],
  ['Inpaint area', 'Whole picture'],
  ['Masked area padding', 32],
  ['RNG', 'GPU'],
  ['Schedule type', 'Automatic'],
  ['Schedule max sigma', 0],
  ['Schedule min sigma', 0],
  ['Schedule rho', 0],
  ['VAE Encoder', 'Full'],
  ['VAE Decoder', 'Full'],
  ['FP8 weight', 'Disable'],
  ['Refiner switch by sampling steps', false],
];

const KEY_CHARACTER = new RegExp(`[${WORD} \\-/]`, 'u');
const WORD_CHARACTER = new RegExp(`[${WORD}]`, 'u');
const QUOTED_VALUE = /"(?:\\[^\n]|[^\\"])+"(?=,|$)/uy;
const LEADING_SPACE = new RegExp(`[${SPACE}]*`, 'uy');

/**
 * `Key: value` pairs of one line, quotes kept. A key has two characters or more of words, spaces, `-` and `/`, and
 * starts with one of a word; a value is quoted or ends at a comma. Searches backwards from each colon, since a pattern
 * would try every character of a long prompt as the start of a key.
 */
export function readPairs(line: string): [string, string][] {
  const pairs: [string, string][] = [];
  let start = 0;
  for (let colon = line.indexOf(':'); colon >= 0; colon = line.indexOf(':', start)) {
    const key = keyBefore(line, start, colon);
    start = colon + 1;
    if (key === undefined) continue;
    const value = valueAt(line, start);
    pairs.push([key, value.text]);
    start = value.end;
  }
  return pairs;
}

function keyBefore(line: string, start: number, colon: number): string | undefined {
  const characters = [...line.slice(runStart(line, start, colon), colon)];
  const first = characters.findIndex((character) => WORD_CHARACTER.test(character));
  if (first < 0 || first > characters.length - 2) return undefined;
  return characters.slice(first).join('');
}

/** Start of the run of key characters that ends at `end`. */
function runStart(line: string, start: number, end: number): number {
  let at = end;
  while (at > start) {
    const width = at - 2 >= start && isPair(line, at - 2) ? 2 : 1;
    if (!KEY_CHARACTER.test(line.slice(at - width, at))) break;
    at -= width;
  }
  return at;
}

function isPair(text: string, at: number): boolean {
  return text.codePointAt(at)! > 0xffff;
}

function valueAt(line: string, start: number): { text: string; end: number } {
  LEADING_SPACE.lastIndex = start;
  const from = start + LEADING_SPACE.exec(line)![0].length;
  QUOTED_VALUE.lastIndex = from;
  const quoted = QUOTED_VALUE.exec(line)?.[0];
  const comma = line.indexOf(',', quoted === undefined ? from : from + quoted.length);
  const end = comma < 0 ? line.length : comma;
  return { text: quoted ?? line.slice(from, end), end: end + 1 };
}

function addPair(fields: Map<string, InfotextValue>, key: string, value: string): void {
  if (value === '') return;
  const plain = unquoteValue(value);
  const size = /^(\d+)x(\d+)$/u.exec(plain);
  if (size === null) fields.set(key, plain);
  else fields.set(`${key}-1`, size[1]!).set(`${key}-2`, size[2]!);
}

function readPrompts(lines: readonly string[]): { prompt: string; negativePrompt: string } {
  let prompt = '';
  let negativePrompt = '';
  let inNegative = false;
  const join = (text: string, line: string): string => (text === '' ? line : `${text}\n${line}`);
  for (const untrimmed of lines) {
    const line = trimSpace(untrimmed);
    const startsNegative = line.startsWith(NEGATIVE_PROMPT);
    inNegative ||= startsNegative;
    const content = startsNegative ? trimSpaceStart(line.slice(NEGATIVE_PROMPT.length)) : line;
    if (inNegative) negativePrompt = join(negativePrompt, content);
    else prompt = join(prompt, content);
  }
  return { prompt, negativePrompt };
}

/** Since 1.8.0-139 the prompts of the hires pass are always written; those that repeat the first pass's say nothing. */
function dropRepeatedHiresPrompts(fields: Map<string, InfotextValue>, prompt: string, negativePrompt: string): void {
  if (!fields.has('Hires prompt') && !fields.has('Hires negative prompt')) return;
  const version = String(fields.get('Version') ?? '');
  if (parseVersion(version) !== undefined && !isOlder(LAST_WITHOUT_HIRES_STYLES, version)) return;
  if (fields.get('Hires prompt') === prompt) fields.set('Hires prompt', '');
  if (fields.get('Hires negative prompt') === negativePrompt) fields.set('Hires negative prompt', '');
}

function hypernetworkTag(fields: ReadonlyMap<string, InfotextValue>): string {
  const name = fields.get('Hypernet');
  return name === undefined ? '' : `<hypernet:${name}:${fields.get('Hypernet strength') ?? '1.0'}>`;
}

/** Before hires fix had a scale, `Size` was that of the result and `First pass size` that of the first pass. */
function restoreFirstPassSize(fields: Map<string, InfotextValue>): void {
  if (!fields.has('First pass size-1') || !fields.has('First pass size-2')) return;
  const number = (key: string, missing: number): number => Number(fields.get(key) ?? missing);
  const width = number('Size-1', 512);
  const height = number('Size-2', 512);
  const first = { width: number('First pass size-1', 0), height: number('First pass size-2', 0) };
  const { width: firstWidth, height: firstHeight } =
    first.width === 0 || first.height === 0 ? oldFirstPass(width, height) : first;
  fields.set('Size-1', firstWidth).set('Size-2', firstHeight);
  fields.set('Hires resize-1', width).set('Hires resize-2', height);
}

/** About 512 x 512 pixels of the same shape, in steps of 64. */
function oldFirstPass(width: number, height: number): { width: number; height: number } {
  const scale = Math.sqrt((512 * 512) / (width * height));
  const round = (side: number): number => Math.ceil((scale * side) / 64) * 64;
  return { width: round(width), height: round(height) };
}

function usesEmphasis(prompt: string): boolean {
  return parseAttention(prompt).some(({ text, weight }) => weight !== 1 && text !== 'BREAK');
}

/** First versions that behave as today; infotext of older ones asks for the old behaviour. */
const NEW_PROMPT_EDITING = '1.6.0';
const NEW_ALPHAS = '1.7.0-225';
const NEW_REFINER_SWITCH = '1.8.0';
const LAST_WITHOUT_HIRES_STYLES = '1.8.0-139';

function restoreOldBehaviour(fields: Map<string, InfotextValue>): void {
  const version = String(fields.get('Version') ?? '');
  if (isOlder(version, NEW_PROMPT_EDITING)) {
    if (String(fields.get('Prompt')).includes('[')) fields.set('Old prompt editing timelines', true);
    if (['DDIM', 'PLMS'].includes(String(fields.get('Sampler')))) fields.set('Pad conds v0', true);
  }
  if (isOlder(version, NEW_ALPHAS)) fields.set('Downcast alphas_cumprod', true);
  if (isOlder(version, NEW_REFINER_SWITCH) && fields.has('Refiner'))
    fields.set('Refiner switch by sampling steps', true);
}
