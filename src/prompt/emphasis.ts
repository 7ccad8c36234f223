/**
 * Emphasis: how attention weights act on the text encoder's output.
 *
 * Source: AUTOMATIC1111 web UI v1.10.1, modules/sd_emphasis.py (behaviour). Pooled outputs are never weighted.
 */

import { assert } from '#core/errors';

/**
 * - `None`: brackets are literal text.
 * - `Ignore`: brackets are parsed, weights have no effect.
 * - `Original`: each token is multiplied by its weight, then all are scaled so that their mean stays what it was.
 * - `No norm`: each token is multiplied by its weight.
 */
export const EMPHASIS_MODES = ['None', 'Ignore', 'Original', 'No norm'] as const;
export type EmphasisMode = (typeof EMPHASIS_MODES)[number];

export const DEFAULT_EMPHASIS: EmphasisMode = 'Original';

/**
 * Weights hidden states.
 *
 * @param hidden [tokens, width]; chunks that were encoded as one batch may follow each other, and then share the mean
 * @param multipliers [tokens]
 * @returns a new array of the same shape, or `hidden` itself where nothing changes
 */
export function applyEmphasis(mode: EmphasisMode, hidden: Float32Array, multipliers: readonly number[]): Float32Array {
  assert(
    multipliers.length > 0 && hidden.length % multipliers.length === 0,
    `emphasis: ${hidden.length} values for ${multipliers.length} tokens`,
  );
  if (mode === 'None' || mode === 'Ignore' || multipliers.every((weight) => weight === 1)) return hidden;
  const weighted = scaleRows(hidden, multipliers);
  return mode === 'Original' ? restoreMean(weighted, mean(hidden)) : weighted;
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
function restoreMean(values: Float32Array, wanted: number): Float32Array {
  const current = mean(values);
  if (current === 0) return values;
  const factor = wanted / current;
  return values.map((value) => value * factor);
}

function mean(values: Float32Array): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum / values.length;
}
