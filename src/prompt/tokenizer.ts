/**
 * CLIP's byte-pair tokenizer, as the fast tokenizer of Hugging Face transformers runs it for CLIP ViT-L/14.
 *
 * Text is split at the literal special tokens, put into NFC, white space runs become one space, letters lower case
 * (character by character: a final sigma stays a plain sigma), then cut into contractions, runs of letters, single
 * digits and runs of other signs; each piece is merged from its UTF-8 bytes. Before all that the text is cleaned (see
 * clean-text.ts), as the slow tokenizer and OpenAI's original do.
 */

import { mergeWord } from './byte-pairs.ts';
import { composed } from './characters.ts';
import { cleanText } from './clean-text.ts';
import {
  CLIP_END_ID,
  CLIP_START_ID,
  CLIP_VOCABULARY_SIZE,
  type ClipVocabulary,
  unpackClipVocabulary,
} from './clip-vocabulary.ts';

export interface Tokenizer {
  /** Ids of the text without start and end, never truncated. */
  encode(text: string): number[];
  readonly startId: number;
  readonly endId: number;
  readonly vocabularySize: number;
}

/** Unicode's White_Space property; `\s` would add U+FEFF and miss U+0085. */
const WHITE_SPACE = '\\t-\\r\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000';
const WHITE_SPACE_RUN = new RegExp(`[${WHITE_SPACE}]+`, 'gu');
const PIECE = new RegExp(`'s|'t|'re|'ve|'m|'ll|'d|\\p{L}+|\\p{N}|[^${WHITE_SPACE}\\p{L}\\p{N}]+`, 'gu');
const SPECIAL = /(<\|startoftext\|>|<\|endoftext\|>)/u;

/** Words worth remembering are short; the bound keeps a server's memory flat whatever its users type. */
const CACHED_WORD_LENGTH = 64;
const CACHED_WORDS = 16_384;

export interface ClipTokenizerOptions {
  /** Straighten quotes, widths, entities and the like first. Default true. */
  readonly clean?: boolean;
}

/** A tokenizer with a cache of its own; unpacks the vocabulary (milliseconds, a few megabytes) on the first text. */
export function createClipTokenizer({ clean = true }: ClipTokenizerOptions = {}): Tokenizer {
  let vocabulary: ClipVocabulary | undefined;
  const cache = new Map<string, readonly number[]>();
  // An unpaired surrogate becomes U+FFFD.
  const utf8 = new TextEncoder();

  const encodeWord = (word: string): readonly number[] => {
    const known = cache.get(word);
    if (known !== undefined) return known;
    vocabulary ??= unpackClipVocabulary();
    const ids = mergeWord(utf8.encode(word), vocabulary);
    if (word.length <= CACHED_WORD_LENGTH) {
      if (cache.size >= CACHED_WORDS) cache.clear();
      cache.set(word, ids);
    }
    return ids;
  };

  const encodePlain = (text: string, ids: number[]): void => {
    for (const [word] of text.matchAll(PIECE)) for (const id of encodeWord(word)) ids.push(id);
  };

  const encode = (text: string): number[] => {
    const ids: number[] = [];
    eachPart(text, ids, (part) => {
      // The cleaning tokenizer looks for special tokens once more, in small letters by then.
      if (clean) eachPart(normalise(cleanText(part)), ids, (plain) => encodePlain(plain, ids));
      else encodePlain(normalise(part), ids);
    });
    return ids;
  };

  return { encode, startId: CLIP_START_ID, endId: CLIP_END_ID, vocabularySize: CLIP_VOCABULARY_SIZE };
}

/** Special tokens into `ids`, the text between them to `plain`. */
function eachPart(text: string, ids: number[], plain: (part: string) => void): void {
  for (const part of text.split(SPECIAL)) {
    if (part === '<|startoftext|>') ids.push(CLIP_START_ID);
    else if (part === '<|endoftext|>') ids.push(CLIP_END_ID);
    else plain(part);
  }
}

/**
 * Ids cut and filled to one text encoder window: start, content, end, padding.
 *
 * @param ids content without start and end; what exceeds `length - 2` is dropped
 * @param padId 49407 for CLIP ViT-L/14, 0 for OpenCLIP
 */
export function padWindow(
  ids: readonly number[],
  tokenizer: Pick<Tokenizer, 'startId' | 'endId'>,
  padId: number,
  length = 77,
): number[] {
  const window = [tokenizer.startId, ...ids.slice(0, length - 2), tokenizer.endId];
  while (window.length < length) window.push(padId);
  return window;
}

function normalise(text: string): string {
  return composed(text).replace(WHITE_SPACE_RUN, ' ').replaceAll('Σ', 'σ').toLowerCase();
}
