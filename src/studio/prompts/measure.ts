/**
 * How long a prompt is, as AUTOMATIC1111's counter tells it: what is left without comments and extra networks, in chunks
 * of 75 tokens; of a prompt that changes while it is drawn, where it is longest.
 */

import { CHUNK_LENGTH } from '#prompt/chunks';
import { stripComments } from '#prompt/comments';
import { splitComposition } from '#prompt/composition';
import { planPrompt } from '#prompt/encode-plan';
import { extractExtraNetworks } from '#prompt/extra-networks';
import { schedulePrompt } from '#prompt/schedule';
import { createClipTokenizer, type Tokenizer } from '#prompt/tokenizer';
import { unknownWords } from '#prompt/vocabulary';

export interface Measured {
  /** With the padding of all chunks but the last. */
  readonly tokens: number;
  readonly room: number;
  /** Tokens of each chunk. */
  readonly chunks: number[];
  /** Words that the model was never shown, where it says which it knows. */
  readonly unknown: string[];
}

/** Enough steps for every change that a schedule writes as a share. */
const steps = 20;

let tokenizer: Tokenizer | undefined;

/** @param known every word that the model was shown; undefined where that is not said */
export function measuredPrompt(text: string, known?: readonly string[]): Measured {
  tokenizer ??= createClipTokenizer();
  const options = { tokenizer, padId: tokenizer.endId };
  const { prompt } = extractExtraNetworks(stripComments(text));
  const plans = splitComposition(prompt).flatMap((part) =>
    schedulePrompt(part.text, { steps }).map((entry) => planPrompt(entry.text, options)),
  );
  const longest = plans.reduce((most, plan) => (plan.tokenCount > most.tokenCount ? plan : most));
  const { chunks, tokenCount } = longest;
  const { endId } = tokenizer;
  return {
    tokens: tokenCount,
    room: chunks.length * CHUNK_LENGTH,
    chunks: chunks.map(({ ids }) => ids.indexOf(endId) - 1),
    unknown: known ? unknownWords(prompt, new Set(known)) : [],
  };
}
