/**
 * Emphasis: how attention weights act on the text encoder's output.
 *
 * Source: AUTOMATIC1111 web UI v1.10.1, modules/sd_emphasis.py; ComfyUI comfy/sd1_clip.py, encode_token_weights
 * (behaviour). Pooled outputs are never weighted. What compel does is in compel/windows.ts.
 */

import { assert } from '#core/errors';

/**
 * - `None`: brackets are literal text.
 * - `Ignore`: brackets are parsed, weights have no effect.
 * - `Original`: each token is multiplied by its weight, then all are scaled so that their mean stays what it was.
 * - `No norm`: each token is multiplied by its weight.
 * - `ComfyUI`: each token is moved by its weight along the line from what an empty prompt has in its place.
 * - `compel`: compel's own signs (`word++`) instead of A1111's brackets, and its weights, which need more than one run.
 */
export const EMPHASIS_MODES = ['Original', 'No norm', 'Ignore', 'None', 'ComfyUI', 'compel'] as const;
export type EmphasisMode = (typeof EMPHASIS_MODES)[number];

const brackets = /[([]/;

/** What a prompt has at least where a mode would act in it. */
const signs: Partial<Record<EmphasisMode, RegExp>> = { compel: /[(+"-]/ };

/** Whether a prompt may have something on which a mode acts. */
export function mayWeigh(mode: EmphasisMode, prompt: string): boolean {
  return (signs[mode] ?? brackets).test(prompt);
}

/** Whether the windows of a prompt are sums of several runs, for which `applyEmphasis` has no say. */
export function isWindowed(mode: EmphasisMode): boolean {
  return mode === 'compel';
}

export const DEFAULT_EMPHASIS: EmphasisMode = 'Original';

/** What an encoder made of one text's chunk. */
export interface TextStates {
  /** [tokens, width] */
  readonly hidden: Float32Array;
  /** [tokens] */
  readonly multipliers: readonly number[];
  /** How often the text stands in the batch. Default 1. */
  readonly times?: number | undefined;
}

/**
 * Weights hidden states of texts that were encoded as one batch, and therefore share the mean: those that a prompt with
 * editing goes through.
 *
 * `empty`: states of an empty prompt, [tokens, width]; needed where `readsEmptyPrompt` says so.
 * @returns arrays of the same shapes, or the given ones where nothing changes
 */
export function applyEmphasis(
  mode: EmphasisMode,
  batch: readonly TextStates[],
  empty?: Float32Array | undefined,
): Float32Array[] {
  for (const { hidden, multipliers } of batch) {
    assert(
      multipliers.length > 0 && hidden.length % multipliers.length === 0,
      `emphasis: ${hidden.length} values for ${multipliers.length} tokens`,
    );
  }
  const given = batch.map(({ hidden }) => hidden);
  if (mode === 'None' || mode === 'Ignore' || batch.every(isPlain)) return given;
  if (mode === 'ComfyUI') {
    assert(empty !== undefined, 'emphasis: the empty prompt is missing');
    return batch.map((text) => movedFrom(empty, text));
  }
  const weighted = batch.map(({ hidden, multipliers }) => scaleRows(hidden, multipliers));
  const times = batch.map((text) => text.times ?? 1);
  return mode === 'Original' ? restoreMean(weighted, meanOf(given, times), times) : weighted;
}

function isPlain({ multipliers }: Pick<TextStates, 'multipliers'>): boolean {
  return multipliers.every((weight) => weight === 1);
}

/** Whether `applyEmphasis` will look at what an empty prompt says. */
export function readsEmptyPrompt(mode: EmphasisMode, batch: readonly Pick<TextStates, 'multipliers'>[]): boolean {
  return mode === 'ComfyUI' && !batch.every(isPlain);
}

/** (z - empty) * weight + empty, position by position. */
function movedFrom(empty: Float32Array, { hidden, multipliers }: TextStates): Float32Array {
  const width = hidden.length / multipliers.length;
  return hidden.map((z, i) => {
    const weight = multipliers[Math.floor(i / width)]!;
    return weight === 1 ? z : (z - empty[i]!) * weight + empty[i]!;
  });
}

function scaleRows(hidden: Float32Array, multipliers: readonly number[]): Float32Array {
  const width = hidden.length / multipliers.length;
  const scaled = new Float32Array(hidden.length);
  multipliers.forEach((weight, token) => {
    const start = token * width;
    for (let i = start; i < start + width; i++) scaled[i] = hidden[i]! * weight;
  });
  return scaled;
}

/** Where all weights are 0 the mean cannot be restored: the values stay 0 (upstream gives NaN). */
function restoreMean(batch: Float32Array[], wanted: number, times: readonly number[]): Float32Array[] {
  const current = meanOf(batch, times);
  if (current === 0) return batch;
  const factor = wanted / current;
  return batch.map((values) => values.map((value) => value * factor));
}

/** The mean over all values, those of a text counting as often as it occurs. */
function meanOf(batch: readonly Float32Array[], times: readonly number[]): number {
  let sum = 0;
  let count = 0;
  for (const [i, values] of batch.entries()) {
    let own = 0;
    for (const value of values) own += value;
    sum += times[i]! * own;
    count += times[i]! * values.length;
  }
  return sum / count;
}
