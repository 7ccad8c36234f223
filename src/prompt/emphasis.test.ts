import { describe, expect, it } from 'vitest';
import { applyEmphasis } from './emphasis.ts';

const hidden = Float32Array.of(1, 2, 3, 4, 5, 9);
const multipliers = [1, 2, 0.5];

describe('emphasis', () => {
  it('multiplies tokens without a norm', () => {
    expect([...applyEmphasis('No norm', hidden, multipliers)]).toEqual([1, 2, 6, 8, 2.5, 4.5]);
  });

  it('restores the mean of the whole tensor', () => {
    const states = Float32Array.of(1, 2, 6, 4, 2, 9);
    const weighted = [1, 2, 12, 8, 1, 4.5];
    const factor = (1 + 2 + 6 + 4 + 2 + 9) / (1 + 2 + 12 + 8 + 1 + 4.5);
    const result = applyEmphasis('Original', states, multipliers);
    weighted.forEach((value, i) => {
      expect(result[i]).toBeCloseTo(value * factor, 6);
    });
  });

  it('changes nothing where weights have no say', () => {
    expect(applyEmphasis('Ignore', hidden, multipliers)).toEqual(hidden);
    expect(applyEmphasis('None', hidden, multipliers)).toEqual(hidden);
    expect(applyEmphasis('Original', hidden, [1, 1, 1])).toEqual(hidden);
  });

  it('gives zeros, not NaN, if all weights are 0', () => {
    expect([...applyEmphasis('Original', hidden, [0, 0, 0])]).toEqual([0, 0, 0, 0, 0, 0]);
  });
});
