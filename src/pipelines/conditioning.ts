/**
 * From the text of a prompt to the context that the denoiser reads: schedule, chunks, text encoders, emphasis.
 *
 * Chunks are encoded by themselves and joined along the tokens; several encoders are joined along the width. Behaviour
 * of A1111 modules/sd_hijack_clip.py and prompt_parser.py.
 */

import { InternalError } from '#core/errors';
import { i64 } from '#core/tensor';
import type { Session } from '#engine/backend';
import type { TextEncoderPart } from '#models/family';
import type { PromptChunk } from '#prompt/chunks';
import { splitComposition } from '#prompt/composition';
import { applyEmphasis, type EmphasisMode } from '#prompt/emphasis';
import { planPrompt } from '#prompt/encode-plan';
import { schedulePrompt } from '#prompt/schedule';
import type { Tokenizer } from '#prompt/tokenizer';
import { checkFinite } from './non-finite.ts';

/** What one text says to the denoiser: [tokens, width]. */
export interface Context {
  readonly tokens: number;
  readonly data: Float32Array;
}

/** The context of each step; prompts may change on the way. */
export interface Conditioning {
  /** `call`: denoiser calls before this one. */
  at(call: number): Context;
}

/** One condition among those that AND joins. */
export interface WeightedConditioning {
  readonly weight: number;
  readonly conditioning: Conditioning;
}

export interface LoadedTextEncoder {
  readonly part: TextEncoderPart;
  readonly session: Session;
}

export interface EncodeOptions {
  readonly encoders: readonly LoadedTextEncoder[];
  readonly tokenizer: Tokenizer;
  readonly emphasis: EmphasisMode;
}

/** The conditions of a prompt, split at AND. */
export async function encodeComposition(
  prompt: string,
  calls: number,
  options: EncodeOptions,
): Promise<WeightedConditioning[]> {
  const conditions: WeightedConditioning[] = [];
  for (const { text, weight } of splitComposition(prompt)) {
    conditions.push({ weight, conditioning: await encodePrompt(text, calls, options) });
  }
  return conditions;
}

/** Encodes every text that a prompt becomes over `calls` denoiser calls. */
export async function encodePrompt(prompt: string, calls: number, options: EncodeOptions): Promise<Conditioning> {
  const entries = schedulePrompt(prompt, { steps: calls });
  const known = new Map<string, Context>();
  for (const { text } of entries) if (!known.has(text)) known.set(text, await encodeText(text, options));
  const contexts = entries.map(({ until, text }) => ({ until, context: known.get(text)! }));
  return {
    at(call) {
      const entry = contexts.find(({ until }) => call < until) ?? contexts.at(-1);
      if (!entry) throw new InternalError('a prompt has no text');
      return entry.context;
    },
  };
}

/** Encodes one text without prompt editing. */
export async function encodeText(text: string, { encoders, tokenizer, emphasis }: EncodeOptions): Promise<Context> {
  const contexts: Context[] = [];
  for (const { part, session } of encoders) {
    const { chunks } = planPrompt(text, { tokenizer, padId: part.padId, emphasis });
    contexts.push(await encodeChunks(chunks, part, session, emphasis));
  }
  return contexts.length === 1 ? contexts[0]! : joinWidths(contexts);
}

async function encodeChunks(
  chunks: readonly PromptChunk[],
  part: TextEncoderPart,
  session: Session,
  emphasis: EmphasisMode,
): Promise<Context> {
  const ids = i64(
    [chunks.length, part.positions],
    chunks.flatMap((chunk) => chunk.ids),
  );
  const { context } = await session.run({ ids });
  const hidden = context!.data as Float32Array;
  checkFinite(hidden, part.component, 'encoding the prompt');
  const size = part.positions * part.width;
  const data = new Float32Array(hidden.length);
  for (const [i, { multipliers }] of chunks.entries()) {
    data.set(applyEmphasis(emphasis, hidden.subarray(i * size, (i + 1) * size), multipliers), i * size);
  }
  return { tokens: chunks.length * part.positions, data };
}

function joinWidths(contexts: readonly Context[]): Context {
  const { tokens } = contexts[0]!;
  if (contexts.some((c) => c.tokens !== tokens)) throw new InternalError('text encoders disagree on the chunks');
  const widths = contexts.map(({ data }) => data.length / tokens);
  const total = widths.reduce((sum, w) => sum + w, 0);
  const data = new Float32Array(tokens * total);
  for (let token = 0; token < tokens; token++) {
    let at = token * total;
    for (const [i, { data: own }] of contexts.entries()) {
      data.set(own.subarray(token * widths[i]!, (token + 1) * widths[i]!), at);
      at += widths[i]!;
    }
  }
  return { tokens, data };
}
