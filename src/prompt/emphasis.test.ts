import { describe, expect, it } from 'vitest';
import { applyEmphasis, type EmphasisMode, readsEmptyPrompt } from './emphasis.ts';

const one = (mode: EmphasisMode, hidden: Float32Array, multipliers: readonly number[]) =>
  applyEmphasis(mode, [{ hidden, multipliers }])[0]!;

const hidden = Float32Array.of(1, 2, 3, 4, 5, 9);
const multipliers = [1, 2, 0.5];

describe('emphasis', () => {
  it('multiplies tokens without a norm', () => {
    expect([...one('No norm', hidden, multipliers)]).toEqual([1, 2, 6, 8, 2.5, 4.5]);
  });

  it('restores the mean of the whole tensor', () => {
    const states = Float32Array.of(1, 2, 6, 4, 2, 9);
    const weighted = [1, 2, 12, 8, 1, 4.5];
    const factor = (1 + 2 + 6 + 4 + 2 + 9) / (1 + 2 + 12 + 8 + 1 + 4.5);
    const result = one('Original', states, multipliers);
    weighted.forEach((value, i) => {
      expect(result[i]).toBeCloseTo(value * factor, 6);
    });
  });

  it('changes nothing where weights have no say', () => {
    expect(one('Ignore', hidden, multipliers)).toEqual(hidden);
    expect(one('None', hidden, multipliers)).toEqual(hidden);
    expect(one('Original', hidden, [1, 1, 1])).toEqual(hidden);
  });

  it('gives zeros, not NaN, if all weights are 0', () => {
    expect([...one('Original', hidden, [0, 0, 0])]).toEqual([0, 0, 0, 0, 0, 0]);
  });

  it('restores the mean over all texts of a batch, repeated ones counting as often as they stand there', () => {
    const a = { hidden: Float32Array.of(1, 3), multipliers: [2], times: 3 };
    const b = { hidden: Float32Array.of(5, 7), multipliers: [1] };
    const factor = (3 * (1 + 3) + 5 + 7) / (3 * (2 + 6) + 5 + 7);
    const [first, second] = applyEmphasis('Original', [a, b]);
    for (const [i, value] of [2, 6].entries()) expect(first![i]).toBeCloseTo(value * factor, 6);
    for (const [i, value] of [5, 7].entries()) expect(second![i]).toBeCloseTo(value * factor, 6);
  });

  it('moves tokens along the line from the empty prompt, as ComfyUI', () => {
    const text = { hidden: Float32Array.of(1, 2, 3, 4), multipliers: [1.5, 1] };
    const empty = Float32Array.of(0, 4, 9, 9);
    expect(applyEmphasis('ComfyUI', [text], empty)).toEqual([Float32Array.of(1.5, 1, 3, 4)]);
    expect(readsEmptyPrompt('ComfyUI', [text])).toBe(true);
    expect(readsEmptyPrompt('ComfyUI', [{ multipliers: [1, 1] }])).toBe(false);
    expect(readsEmptyPrompt('Original', [text])).toBe(false);
  });
});
