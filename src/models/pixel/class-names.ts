/** Prompts of a model that knows classes: their names, wherever they stand in a text, are its only tokens. */

import type { Tokenizer } from '#prompt/tokenizer';

const startId = 0;
const endId = 1;
export const firstClass = 2;

/** Ids that the table of classes has rows for. */
export const classIds = (count: number): number => firstClass + count;

/** Longer names count before those that they contain; other words say nothing to the model. */
export function classTokenizer(names: readonly string[]): Tokenizer {
  const known = new Map(names.map((name, i) => [spelt(name), firstClass + i]));
  const longestFirst = [...known.keys()].sort((a, b) => b.length - a.length).map(escaped);
  const pattern =
    longestFirst.length === 0
      ? undefined
      : new RegExp(`(?<![\\p{L}\\p{N}])(${longestFirst.join('|')})(?![\\p{L}\\p{N}])`, 'gu');
  return {
    encode: (text) => (pattern ? Array.from(spelt(text).matchAll(pattern), ([name]) => known.get(name)!) : []),
    startId,
    endId,
    vocabularySize: classIds(names.length),
  };
}

const spelt = (text: string): string =>
  text
    .normalize('NFC')
    .toLowerCase()
    .replace(/[\s_]+/g, ' ')
    .trim();
const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
