/**
 * From the text of a prompt to the chunks that a text encoder runs on, and back to even lengths for guidance.
 *
 * Takes the text after styles, comments, extra networks, AND and scheduling have been resolved (see their modules).
 */

import { type AttentionSegment, parseAttention } from './attention.ts';
import {
  CHUNK_LENGTH,
  type ChunkedPrompt,
  type ChunkOptions,
  chunkSegments,
  emptyChunk,
  type PromptChunk,
} from './chunks.ts';
import { compelChunks } from './compel/windows.ts';
import { DEFAULT_EMPHASIS, type EmphasisMode, isWindowed } from './emphasis.ts';

export interface PlanOptions extends ChunkOptions {
  /** Default Original. With None, brackets and BREAK are literal text. */
  readonly emphasis?: EmphasisMode;
}

/**
 * Chunks of one prompt: each is encoded by itself, the results are joined along the tokens ([77 n, width]). Of a mode
 * whose windows are sums, what their words are; `planWindows` has the rest.
 */
export function planPrompt(prompt: string, options: PlanOptions): ChunkedPrompt {
  const literal: AttentionSegment[] = [{ text: prompt, weight: 1 }];
  const mode = options.emphasis ?? DEFAULT_EMPHASIS;
  if (isWindowed(mode)) {
    const chunks = compelChunks(prompt, options);
    return { chunks, tokenCount: chunks.length * CHUNK_LENGTH };
  }
  return chunkSegments(mode === 'None' ? literal : parseAttention(prompt), options);
}

/** Lengthens each prompt with empty chunks to the number of chunks of the longest. */
export function evenChunks(
  prompts: readonly (readonly PromptChunk[])[],
  options: Pick<ChunkOptions, 'tokenizer' | 'padId'>,
): PromptChunk[][] {
  const longest = Math.max(0, ...prompts.map((chunks) => chunks.length));
  return prompts.map((chunks) => [
    ...chunks,
    ...Array.from({ length: longest - chunks.length }, () => emptyChunk(options)),
  ]);
}
