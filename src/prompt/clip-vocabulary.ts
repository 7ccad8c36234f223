/**
 * CLIP's byte-pair vocabulary unpacked for encoding: token ids of bytes and ranks of merges.
 *
 * Numbering (OpenAI CLIP): ids 0-255 are bytes inside a word, 256-511 bytes at a word's end, 512 + r the token made by
 * merge number r, then the start and the end token.
 */

import { assert } from '#core/errors';
import { CLIP_BYTE_ORDER } from './clip-bytes.ts';
import { CLIP_MERGE_COUNT, CLIP_MERGES } from './clip-merges.ts';

export const FIRST_MERGE_ID = 512;
export const CLIP_START_ID = FIRST_MERGE_ID + CLIP_MERGE_COUNT;
export const CLIP_END_ID = CLIP_START_ID + 1;
export const CLIP_VOCABULARY_SIZE = CLIP_END_ID + 1;

/** Adds to a byte's id where the byte ends a word. */
export const WORD_END_OFFSET = 256;

export interface ClipVocabulary {
  /** [256]: token id of each byte inside a word. */
  readonly byteIds: Uint16Array;
  /** Rank of the merge of two neighbouring ids, by `pairKey`. */
  readonly ranks: ReadonlyMap<number, number>;
}

export function pairKey(left: number, right: number): number {
  return left * 0x10000 + right;
}

export function unpackClipVocabulary(): ClipVocabulary {
  const bytes = Uint8Array.from(atob(CLIP_MERGES), (c) => c.charCodeAt(0));
  assert(bytes.length === CLIP_MERGE_COUNT * 4, `CLIP merges: ${bytes.length} bytes for ${CLIP_MERGE_COUNT} merges`);
  const ranks = new Map<number, number>();
  for (let rank = 0; rank < CLIP_MERGE_COUNT; rank++) {
    const at = rank * 4;
    const left = bytes[at]! | (bytes[at + 1]! << 8);
    const right = bytes[at + 2]! | (bytes[at + 3]! << 8);
    ranks.set(pairKey(left, right), rank);
  }
  const byteIds = new Uint16Array(256);
  CLIP_BYTE_ORDER.forEach((byte, id) => {
    byteIds[byte] = id;
  });
  return { byteIds, ranks };
}
