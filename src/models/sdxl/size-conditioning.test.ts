import { describe, expect, it } from 'vitest';
import { baseNumbers, refinerNumbers } from './size-conditioning.ts';

describe('what SDXL is told of a picture', () => {
  const condition = { pooled: {}, size: { width: 832, height: 1216 } };
  const told = { cropTop: 16, cropLeft: 32, aestheticScore: 7, negativeAestheticScore: 2 };

  it('is its size, its crop and the size aimed at; the refiner is told scores', () => {
    expect(baseNumbers.of({ ...condition, negative: false })).toEqual([1216, 832, 0, 0, 1216, 832]);
    expect(baseNumbers.of({ ...condition, negative: true, told })).toEqual([1216, 832, 16, 32, 1216, 832]);
    expect(refinerNumbers.of({ ...condition, negative: false })).toEqual([1216, 832, 0, 0, 6]);
    expect(refinerNumbers.of({ ...condition, negative: true })).toEqual([1216, 832, 0, 0, 2.5]);
    expect(refinerNumbers.of({ ...condition, negative: false, told })).toEqual([1216, 832, 16, 32, 7]);
    expect(refinerNumbers.of({ ...condition, negative: true, told })).toEqual([1216, 832, 16, 32, 2]);
  });
});
