/** Texts whose windows are sums of what an encoder says to several chunks: compel's weights. */

import type { ChunkOptions } from '#prompt/chunks';
import {
  emptyWindow,
  type PromptTerm,
  type PromptWindow,
  planWindows,
  type WindowedPrompt,
} from '#prompt/compel/windows';
import type { JobEmbeddings } from './embeddings.ts';
import { encodeChunks, joinTokens, type LoadedTextEncoder } from './encode-chunks.ts';

export interface WindowedStates {
  readonly tokens: number;
  readonly data: Float32Array;
  readonly pooled: Float32Array | undefined;
}

/** Encodes texts to states of equal length, shorter ones with empty windows behind. */
export async function encodeWindowed(
  texts: readonly string[],
  encoder: LoadedTextEncoder,
  embeddings: JobEmbeddings,
  options: ChunkOptions,
): Promise<WindowedStates[]> {
  const plans = texts.map((text) => planWindows(text, options));
  const longest = Math.max(...plans.map(({ windows }) => windows.length));
  const states: WindowedStates[] = [];
  for (const plan of plans) states.push(await encodePlan(plan, longest, encoder, embeddings, options));
  return states;
}

async function encodePlan(
  { windows, pooled }: WindowedPrompt,
  length: number,
  encoder: LoadedTextEncoder,
  embeddings: JobEmbeddings,
  options: ChunkOptions,
): Promise<WindowedStates> {
  const nothing = emptyWindow(options);
  const even = Array.from({ length }, (_, i) => windows[i] ?? nothing);
  const terms = [...even, pooled, nothing].flat();
  const { hidden, pooled: summaries } = await encodeChunks(
    terms.map(({ chunk }) => chunk),
    encoder,
    embeddings,
    terms.map((term) => term.hidden),
  );
  const at = new Map(terms.map((term, i) => [term, i]));
  const empty = hidden.at(-1)!;
  const states = even.map((window) => sumOf(window, (term) => moved(empty, hidden[at.get(term)!]!, term)));
  return {
    ...joinTokens(states, encoder.part),
    pooled: summaries && sumOf(pooled, (term) => summaries[at.get(term)!]!),
  };
}

function sumOf(window: PromptWindow, statesOf: (term: PromptTerm) => Float32Array): Float32Array {
  const [first, ...others] = window.map((term) => statesOf(term).map((value) => value * term.share));
  for (const states of others) for (const [i, value] of states.entries()) first![i]! += value;
  return first!;
}

/** Each token moved by its weight along the line from the empty prompt. */
function moved(empty: Float32Array, states: Float32Array, { chunk: { multipliers } }: PromptTerm): Float32Array {
  const width = states.length / multipliers.length;
  return states.map((value, i) => {
    const weight = multipliers[Math.floor(i / width)]!;
    return weight === 1 ? value : empty[i]! + (value - empty[i]!) * weight;
  });
}
