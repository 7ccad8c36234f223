/** CLIP's tokens and merges as texts, in the alphabet that its vocabulary files write bytes with. */

import { CLIP_BYTE_ORDER } from './clip-bytes.ts';
import { FIRST_MERGE_ID, unpackClipVocabulary, WORD_END_OFFSET } from './clip-vocabulary.ts';

/** What stands for the end of a word. */
const wordEnd = '</w>';

export interface ClipTokens {
  /** By id, without the start and the end token. */
  readonly tokens: readonly string[];
  /** By rank. */
  readonly merges: readonly (readonly [left: string, right: string])[];
}

export function clipTokens(): ClipTokens {
  const { ranks } = unpackClipVocabulary();
  const printable = CLIP_BYTE_ORDER.map((byte, i) => glyphOf(byte, i));
  const tokens = [...printable, ...printable.map((glyph) => glyph + wordEnd)];
  const merges: [string, string][] = [];
  // `pairKey` joins two ids; the map is in the order of the ranks.
  for (const key of ranks.keys()) {
    const [left, right] = [tokens[Math.floor(key / 0x10000)]!, tokens[key % 0x10000]!];
    merges.push([left, right]);
    tokens.push(left + right);
  }
  return { tokens: tokens.slice(0, FIRST_MERGE_ID + merges.length), merges };
}

/** Bytes without a glyph of their own are written as code points from 256 on (OpenAI CLIP, bytes_to_unicode). */
function glyphOf(byte: number, place: number): string {
  const ownGlyphs = WORD_END_OFFSET - 68;
  return String.fromCodePoint(place < ownGlyphs ? byte : 256 + place - ownGlyphs);
}
