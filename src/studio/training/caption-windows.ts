/** Captions of scenes as windows of token ids, and the ids that they use. */

import { createClipTokenizer, padWindow, type Tokenizer } from '#prompt/tokenizer';
import { captionOf } from '#scenes/caption';
import { drawScene } from '#scenes/scene';
import { TrainingRandom } from '#training/random';

export interface CaptionWindows {
  /** Ids of a caption's window, [positions]. */
  readonly windowOf: (caption: string) => Int32Array;
  /** Every id that captions use, ascending. */
  readonly vocabulary: Int32Array;
  /** Id that ends a text and pads its window. */
  readonly endId: number;
}

export function captionWindows(positions: number): CaptionWindows {
  const tokenizer = createClipTokenizer();
  const windowOf = windowCache(tokenizer, positions);
  return { windowOf, vocabulary: usedVocabulary(windowOf), endId: tokenizer.endId };
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

/** From a sample large enough to meet every phrase many times. */
function usedVocabulary(windowOf: (caption: string) => Int32Array): Int32Array {
  const random = new TrainingRandom(0);
  const ids = new Set<number>(windowOf(''));
  for (let i = 0; i < 60_000; i++) for (const id of windowOf(captionOf(drawScene(random), random))) ids.add(id);
  return Int32Array.from([...ids].sort((a, b) => a - b));
}
