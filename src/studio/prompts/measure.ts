/**
 * How long a prompt is, as AUTOMATIC1111's counter tells it: what is left without comments and extra networks, in chunks
 * of 75 tokens; of a prompt that changes while it is drawn, where it is longest.
 */

import { CHUNK_LENGTH, type ChunkedPrompt } from '#prompt/chunks';
import { stripComments } from '#prompt/comments';
import { splitComposition } from '#prompt/composition';
import { planPrompt } from '#prompt/encode-plan';
import { extractExtraNetworks } from '#prompt/extra-networks';
import { schedulePrompt } from '#prompt/schedule';
import { createClipTokenizer, type Tokenizer } from '#prompt/tokenizer';

export interface Measured {
  /** With the padding of all chunks but the last. */
  readonly tokens: number;
  readonly room: number;
  /** Tokens of each chunk. */
  readonly chunks: number[];
}

/** Enough steps for every change that a schedule writes as a share. */
const steps = 20;

let tokenizer: Tokenizer | undefined;

export function measuredPrompt(text: string): Measured {
  tokenizer ??= createClipTokenizer();
  const options = { tokenizer, padId: tokenizer.endId };
  const { prompt } = extractExtraNetworks(stripComments(text));
  const plans = splitComposition(prompt).flatMap((part) =>
    schedulePrompt(part.text, { steps }).map((entry) => planPrompt(entry.text, options)),
  );
  const longest = plans.reduce((most, plan) => (plan.tokenCount > most.tokenCount ? plan : most));
  return told(longest, tokenizer.endId);
}

function told({ chunks, tokenCount }: ChunkedPrompt, endId: number): Measured {
  return {
    tokens: tokenCount,
    room: chunks.length * CHUNK_LENGTH,
    chunks: chunks.map(({ ids }) => ids.indexOf(endId) - 1),
  };
}
