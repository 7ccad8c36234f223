/**
 * Windows of 77 tokens under compel's weights: each is a sum of what the encoder says to one chunk while it does not look
 * at some of its tokens, and of what it says to an empty one.
 *
 * Source: damian0815/compel 2.x, embeddings_provider.py and compel.py (behaviour, DownweightMode.MASK, its default). A
 * weight moves a token away from the empty prompt; words below 1 are also mixed with the prompt in which they are
 * hidden, by tan((1 - weight) pi / 2) parts to 1. Unlike there, long prompts are cut as all of ours are, and the pooled
 * text is what is weighted, not the prompt with its signs.
 */

import type { AttentionSegment } from '../attention.ts';
import { type ChunkOptions, chunkSegments, emptyChunk, type PromptChunk } from '../chunks.ts';
import { type CompelPart, type CompelText, parseCompel } from './syntax.ts';

export interface PromptTerm {
  /** Its multipliers move tokens away from the empty prompt. */
  readonly chunk: PromptChunk;
  /** Positions that no token looks at. */
  readonly hidden: readonly number[];
  readonly share: number;
}

/** Terms whose sum is the window. */
export type PromptWindow = readonly PromptTerm[];

export interface WindowedPrompt {
  /** At least one. */
  readonly windows: readonly PromptWindow[];
  /** What the text says as a whole: chunks whose pooled vectors are added by their shares. */
  readonly pooled: PromptWindow;
}

/** Weights below it count as it: the parts of a hidden word would be infinite. */
const LEAST_WEIGHT = 1e-5;

export function planWindows(prompt: string, options: ChunkOptions): WindowedPrompt {
  const parts = parseCompel(prompt).parts.map((part) => ({
    part,
    texts: part.texts.map((t) => windowsOf(t, options)),
  }));
  const pooled = parts[0]!.part.texts.map(({ share }, i) => ({ ...parts[0]!.texts[i]![0]![0]!, share }));
  return { windows: parts.flatMap(({ part, texts }) => joined(part, texts, options)), pooled };
}

/** Chunks of all texts in order, weighted: what of a prompt can be counted and looked up. */
export function compelChunks(prompt: string, options: ChunkOptions): PromptChunk[] {
  const texts = parseCompel(prompt).parts.flatMap((part) => part.texts);
  return texts.flatMap((text) => windowsOf(text, options).map((window) => window[0]!.chunk));
}

/** Whether some words are hidden in one of the terms, which an encoder must be able to do. */
export function hidesWords(prompt: string): boolean {
  const texts = parseCompel(prompt).parts.flatMap((part) => part.texts);
  return texts.some(({ segments }) => segments.some(({ weight }) => weight < 1));
}

export function emptyWindow(options: Pick<ChunkOptions, 'tokenizer' | 'padId'>): PromptWindow {
  return [{ chunk: emptyChunk(options), hidden: [], share: 1 }];
}

/** Texts of a part added by their shares, the shorter ones with empty windows behind; then the part's own weight. */
function joined(
  { weight, texts }: CompelPart,
  windows: readonly PromptWindow[][],
  options: ChunkOptions,
): PromptWindow[] {
  const length = Math.max(...windows.map((own) => own.length));
  const nothing = emptyWindow(options);
  return Array.from({ length }, (_, i) => {
    const terms = texts.flatMap(({ share }, t) => scaled(windows[t]![i] ?? nothing, share * weight));
    return weight === 1 ? terms : [...terms, ...scaled(nothing, 1 - weight)];
  });
}

function scaled(window: PromptWindow, factor: number): PromptWindow {
  return window.map((term) => ({ ...term, share: term.share * factor }));
}

/** Segments have numbers above what start, end and padding have for a weight. */
const firstSegment = 2;

/** The first term of each window hides nothing. */
function windowsOf({ segments }: CompelText, options: ChunkOptions): PromptWindow[] {
  const numbered = segments.map(({ text }, i) => ({ text, weight: firstSegment + i }));
  const { chunks } = chunkSegments(numbered, options);
  const total = 1 + segments.reduce((sum, segment) => sum + partsWithout(segment), 0);
  return chunks.map((chunk) => {
    const owners = chunk.multipliers;
    const weighted = { ...chunk, multipliers: owners.map((owner) => segments[owner - firstSegment]?.weight ?? 1) };
    const without = segments.flatMap((segment, i) => {
      const share = partsWithout(segment) / total;
      const hidden = [...owners.keys()].filter((position) => owners[position] === firstSegment + i);
      return share === 0 || hidden.length === 0 ? [] : [{ chunk: weighted, hidden, share }];
    });
    const share = 1 - without.reduce((sum, term) => sum + term.share, 0);
    return [{ chunk: weighted, hidden: [], share }, ...without];
  });
}

/** Parts of the prompt without these words to one with them. */
function partsWithout({ weight, text }: AttentionSegment): number {
  if (weight >= 1 || text === '') return 0;
  return Math.tan(((1 - Math.max(LEAST_WEIGHT, weight)) * Math.PI) / 2);
}
