/**
 * Byte-pair merging of one word.
 *
 * The merge of lowest rank is applied first, leftmost first among equals, until no neighbours merge. A heap over a
 * linked list does this in O(n log n), so that a word of a million letters is no way to hang the program.
 * Source: Sennrich, Haddow and Birch 2016, section 3.2 (the merges themselves come from the vocabulary).
 */

import { type ClipVocabulary, FIRST_MERGE_ID, pairKey, WORD_END_OFFSET } from './clip-vocabulary.ts';

/** Token ids of one word given as its UTF-8 bytes (at least one). */
export function mergeWord(bytes: Uint8Array, vocabulary: ClipVocabulary): number[] {
  const ids = Int32Array.from(bytes, (byte) => vocabulary.byteIds[byte]!);
  const last = ids.length - 1;
  ids[last]! += WORD_END_OFFSET;
  const next = Int32Array.from(ids, (_, i) => i + 1);
  const previous = Int32Array.from(ids, (_, i) => i - 1);
  const queue = new MergeQueue();

  const rankAt = (i: number): number | undefined => {
    const right = next[i]!;
    return right > last ? undefined : vocabulary.ranks.get(pairKey(ids[i]!, ids[right]!));
  };
  const enqueue = (i: number): void => {
    const rank = rankAt(i);
    if (rank !== undefined) queue.push(rank, i);
  };

  for (let i = 0; i < last; i++) enqueue(i);
  for (let merge = queue.pop(); merge !== undefined; merge = queue.pop()) {
    const { rank, position } = merge;
    // An entry is stale if its symbols have since been swallowed (id -1) or changed by other merges.
    if (ids[position]! < 0 || rankAt(position) !== rank) continue;
    const swallowed = next[position]!;
    ids[position] = FIRST_MERGE_ID + rank;
    ids[swallowed] = -1;
    next[position] = next[swallowed]!;
    if (next[position] <= last) previous[next[position]] = position;
    if (previous[position]! >= 0) enqueue(previous[position]!);
    enqueue(position);
  }
  return Array.from(ids.filter((id) => id >= 0));
}

/** Binary min-heap of merges, ordered by rank, then by position. */
class MergeQueue {
  /** rank * 2^32 + position: exact in a double, and its order is the order of the queue. */
  private readonly keys: number[] = [];

  push(rank: number, position: number): void {
    const { keys } = this;
    const key = rank * 0x1_0000_0000 + position;
    let i = keys.push(key) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (keys[parent]! <= key) break;
      keys[i] = keys[parent]!;
      i = parent;
    }
    keys[i] = key;
  }

  pop(): { rank: number; position: number } | undefined {
    const { keys } = this;
    const top = keys[0];
    if (top === undefined) return undefined;
    const moved = keys.pop()!;
    if (keys.length > 0) this.sink(moved);
    const rank = Math.floor(top / 0x1_0000_0000);
    return { rank, position: top - rank * 0x1_0000_0000 };
  }

  private sink(key: number): void {
    const { keys } = this;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= keys.length) break;
      if (child + 1 < keys.length && keys[child + 1]! < keys[child]!) child++;
      if (keys[child]! >= key) break;
      keys[i] = keys[child]!;
      i = child;
    }
    keys[i] = key;
  }
}
