/** Captions as windows of token ids, and the ids that they use. */

import { createClipTokenizer, padWindow, type Tokenizer } from '#prompt/tokenizer';

export interface CaptionWindows {
  /** Ids of a caption's window, [positions]. */
  readonly windowOf: (caption: string) => Int32Array;
  /** Every id that the captions and the empty one use, ascending. */
  readonly vocabulary: Int32Array;
  /** Id that ends a text and pads its window. */
  readonly endId: number;
  /** Captions that are longer than a window; their ends are cut off. */
  readonly cut: number;
}

export function captionWindows(positions: number, captions: Iterable<string>): CaptionWindows {
  const tokenizer = createClipTokenizer();
  const windowOf = windowCache(tokenizer, positions);
  const ids = new Set(windowOf(''));
  let cut = 0;
  for (const caption of captions) {
    const window = windowOf(caption);
    for (const id of window) ids.add(id);
    // A full window may have been filled exactly.
    if (window.at(-2) !== tokenizer.endId && tokenizer.encode(caption).length > positions - 2) cut++;
  }
  return { windowOf, vocabulary: Int32Array.from(ids).sort(), endId: tokenizer.endId, cut };
}

/** Captions repeat, so their windows are kept. */
function windowCache(tokenizer: Tokenizer, positions: number): (caption: string) => Int32Array {
  const known = new Map<string, Int32Array>();
  return (caption) => {
    const found =
      known.get(caption) ??
      Int32Array.from(padWindow(tokenizer.encode(caption), tokenizer, tokenizer.endId, positions));
    if (known.size < 200_000) known.set(caption, found);
    return found;
  };
}
