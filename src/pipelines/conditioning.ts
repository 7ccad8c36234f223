/**
 * From the text of a prompt to the context that the denoiser reads: schedule, chunks, text encoders, emphasis.
 *
 * Chunks are encoded by themselves and joined along the tokens; several encoders are joined along the width. Behaviour
 * of A1111 modules/sd_hijack_clip.py and prompt_parser.py.
 */

import { InternalError } from '#core/errors';
import { emptyChunk } from '#prompt/chunks';
import { splitComposition } from '#prompt/composition';
import { applyEmphasis, type EmphasisMode, isWindowed, readsEmptyPrompt, type TextStates } from '#prompt/emphasis';
import { evenChunks, planPrompt } from '#prompt/encode-plan';
import { entryAt, schedulePrompt } from '#prompt/schedule';
import { embeddingFinder, type JobEmbeddings, noEmbeddings } from './embeddings.ts';
import { encodeChunks, joinTokens, type LoadedTextEncoder } from './encode-chunks.ts';
import { encodeWindowed } from './windowed-prompts.ts';

/** What one text says to the denoiser: [tokens, width], and a vector of each encoder that makes one. */
export interface Context {
  readonly tokens: number;
  readonly data: Float32Array;
  readonly pooled: Readonly<Record<string, Float32Array>>;
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

export interface EncodeOptions {
  readonly encoders: readonly LoadedTextEncoder[];
  readonly emphasis: EmphasisMode;
  readonly commaBacktrack?: number;
  readonly embeddings?: JobEmbeddings;
  /** Calls of the pass before, where this is the hires pass: prompt editing goes on counting. */
  readonly callsBefore?: number | undefined;
  readonly oldScheduling?: boolean | undefined;
}

/** The conditions of a prompt, split at AND; shorter ones repeat their last vector, so that all share a run. */
export async function encodeComposition(
  prompt: string,
  calls: number,
  options: EncodeOptions,
): Promise<WeightedConditioning[]> {
  const parts: { weight: number; schedule: ScheduledContext[] }[] = [];
  for (const { text, weight } of splitComposition(prompt)) {
    parts.push({ weight, schedule: await encodeSchedule(text, calls, options) });
  }
  const tokens = Math.max(...parts.map(({ schedule }) => schedule[0]!.context.tokens));
  return parts.map(({ weight, schedule }) => {
    const even = schedule.map(({ until, context }) => ({ until, context: lengthened(context, tokens) }));
    return { weight, conditioning: conditioningOf(even) };
  });
}

/** Encodes every text that a prompt becomes over `calls` denoiser calls. */
export async function encodePrompt(prompt: string, calls: number, options: EncodeOptions): Promise<Conditioning> {
  return conditioningOf(await encodeSchedule(prompt, calls, options));
}

/** Zeros in the same shapes: for families to which no words are less than empty ones. */
export function zeroed({ at }: Conditioning): Conditioning {
  const nothing = (values: Float32Array) => new Float32Array(values.length);
  return {
    at(call) {
      const { tokens, data, pooled } = at(call);
      const vectors = Object.entries(pooled).map(([name, vector]) => [name, nothing(vector)] as const);
      return { tokens, data: nothing(data), pooled: Object.fromEntries(vectors) };
    },
  };
}

interface ScheduledContext {
  readonly until: number;
  readonly context: Context;
}

function conditioningOf(schedule: readonly ScheduledContext[]): Conditioning {
  return { at: (call) => entryAt(schedule, call).context };
}

async function encodeSchedule(prompt: string, calls: number, options: EncodeOptions): Promise<ScheduledContext[]> {
  const { callsBefore, oldScheduling } = options;
  const passes = callsBefore === undefined ? { steps: calls } : { steps: callsBefore, hiresSteps: calls };
  const entries = schedulePrompt(prompt, { ...passes, oldScheduling });
  const times = new Map<string, number>();
  for (const { text } of entries) times.set(text, (times.get(text) ?? 0) + 1);
  const contexts = await encodeTexts(times, options);
  return entries.map(({ until, text }) => ({ until, context: contexts.get(text)! }));
}

/** Encodes one text without prompt editing. */
export async function encodeText(text: string, options: EncodeOptions): Promise<Context> {
  return (await encodeTexts(new Map([[text, 1]]), options)).get(text)!;
}

/** Encodes the texts of one schedule, each with how often it occurs, to contexts of equal length. */
async function encodeTexts(texts: ReadonlyMap<string, number>, options: EncodeOptions): Promise<Map<string, Context>> {
  const byEncoder: Context[][] = [];
  for (const encoder of options.encoders) byEncoder.push(await encodeWith(encoder, texts, options));
  return new Map([...texts.keys()].map((text, i) => [text, joinWidths(byEncoder.map((contexts) => contexts[i]!))]));
}

async function encodeWith(
  encoder: LoadedTextEncoder,
  texts: ReadonlyMap<string, number>,
  { emphasis, commaBacktrack, embeddings = noEmbeddings }: EncodeOptions,
): Promise<Context[]> {
  const { part } = encoder;
  const tokenizer = part.tokenizer();
  const findEmbedding = embeddingFinder(embeddings, tokenizer);
  const planOptions = { tokenizer, padId: part.padId, emphasis, commaBacktrack, findEmbedding };
  if (isWindowed(emphasis)) {
    const windowed = await encodeWindowed([...texts.keys()], encoder, embeddings, planOptions);
    return windowed.map(({ pooled, ...own }) => ({ ...own, pooled: pooled ? { [part.component]: pooled } : {} }));
  }
  const planned = evenChunks(
    [...texts.keys()].map((text) => planPrompt(text, planOptions).chunks),
    planOptions,
  );
  const states: TextStates[][] = [];
  const pooled: Context['pooled'][] = [];
  for (const [i, chunks] of planned.entries()) {
    const encoded = await encodeChunks(chunks, encoder, embeddings);
    const times = [...texts.values()][i];
    states.push(chunks.map(({ multipliers }, k) => ({ hidden: encoded.hidden[k]!, multipliers, times })));
    // What upstream takes for the whole text.
    pooled.push(encoded.pooled ? { [part.component]: encoded.pooled[0]! } : {});
  }
  const weighs = readsEmptyPrompt(emphasis, planned.flat());
  const nothing = weighs ? await encodeChunks([emptyChunk(planOptions)], encoder, embeddings) : undefined;
  // Chunk by chunk over all texts: the mean that emphasis keeps is taken over what upstream runs as one batch.
  const weighted = states[0]!.map((_, k) =>
    applyEmphasis(
      emphasis,
      states.map((chunks) => chunks[k]!),
      nothing?.hidden[0],
    ),
  );
  return states.map((chunks, i) => ({
    ...joinTokens(
      chunks.map((_, k) => weighted[k]![i]!),
      part,
    ),
    pooled: pooled[i]!,
  }));
}

/** The context with its last vector repeated up to `tokens`. */
function lengthened(context: Context, tokens: number): Context {
  if (context.tokens === tokens) return context;
  const width = context.data.length / context.tokens;
  const data = new Float32Array(tokens * width);
  data.set(context.data);
  const last = context.data.subarray(context.data.length - width);
  for (let token = context.tokens; token < tokens; token++) data.set(last, token * width);
  return { tokens, data, pooled: context.pooled };
}

function joinWidths(contexts: readonly Context[]): Context {
  if (contexts.length === 1) return contexts[0]!;
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
  return { tokens, data, pooled: Object.assign({}, ...contexts.map(({ pooled }) => pooled)) as Context['pooled'] };
}
