/**
 * Values of an axis as people write them: with commas, texts with commas in quotes, ranges of numbers.
 *
 * Source: AUTOMATIC1111 web UI v1.10.1, scripts/xyz_grid.py: `1-5`, `1-5 (+2)` by steps, `1-5 [3]` by their count.
 */

import { UserError } from '#core/errors';

/** Comma-separated, with quotes as in CSV (RFC 4180); surrounding blanks are dropped. Lines are separated as well. */
export function listedValues(text: string): string[] {
  if (text.trim() === '') return [];
  const values: string[] = [];
  const pattern = /\s*(?:"((?:[^"]|"")*)"|((?!")[^,\n]*))\s*(?:,|\n|$)/gy;
  while (pattern.lastIndex < text.length) {
    const match = pattern.exec(text);
    if (!match) throw new UserError('series.values', `A quote in ${shown(text)} does not end, or text follows it.`);
    values.push((match[1]?.replaceAll('""', '"') ?? match[2]!).trim());
  }
  if (/,\s*$/.test(text)) values.push('');
  return values;
}

const number = String.raw`([+-]?\s*\d+(?:\.\d*)?)`;
const range = new RegExp(
  String.raw`^\s*${number}\s*-\s*${number}\s*(?:\(\s*([+-]\d+(?:\.\d*)?)\s*\)|\[\s*(\d+)\s*\])?\s*$`,
);

/** Ranges opened up. @throws UserError for what is neither a number nor a range */
export function numbersOf(texts: readonly string[], whole: boolean): number[] {
  return texts.flatMap((text) => {
    const [, from, to, step, count] = range.exec(text) ?? [];
    if (from === undefined) return [plainNumber(text)];
    const [start, end] = [plainNumber(from), plainNumber(to!)];
    const values = count === undefined ? stepped(start, end, Number(step ?? 1)) : spread(start, end, Number(count));
    return values.map((value) => (whole ? Math.trunc(value) : Number(value.toFixed(8))));
  });
}

function plainNumber(text: string): number {
  const value = Number(text.replaceAll(/\s/g, ''));
  if (text.trim() !== '' && Number.isFinite(value)) return value;
  throw new UserError('series.values', `${shown(text)} is no number and no range such as 1-5, 1-5 (+2) or 1-5 [3].`);
}

/** The end included, where a step meets it. */
function stepped(start: number, end: number, step: number): number[] {
  const count = Math.floor((end - start) / step + 1e-9) + 1;
  if (step === 0 || count < 1 || count > 1000) {
    const advice = 'expected at least one value and at most 1000';
    throw new UserError(
      'series.values',
      `The range from ${start} to ${end} by ${step} has ${count} values; ${advice}.`,
    );
  }
  return Array.from({ length: count }, (_, i) => start + i * step);
}

function spread(start: number, end: number, count: number): number[] {
  if (count < 1 || count > 1000) throw new UserError('series.values', `A range has 1 to 1000 values, not ${count}.`);
  return Array.from({ length: count }, (_, i) => (count === 1 ? start : start + (i * (end - start)) / (count - 1)));
}

const shown = (text: string): string => JSON.stringify(text.slice(0, 80));
