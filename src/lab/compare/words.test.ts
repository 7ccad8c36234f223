import { expect, it } from 'vitest';
import { amount } from './words.ts';

it('tells amounts of multiplications in three digits, however few', () => {
  expect([120e9, 3.21e9, 0.3e9, 84.98e6, 0.55e6].map(amount)).toEqual(['120 G', '3.21 G', '300 M', '85 M', '0.55 M']);
});
