import { expect, it } from 'vitest';
import { unknownWords } from './vocabulary.ts';

it('finds what a model was never shown, whatever grammar stands around it', () => {
  const known = new Set(['a', 'fox', 'at', 'night']);
  expect(unknownWords('a (Fox:1.2) at [night:dusk:0.5]', known)).toEqual(['dusk']);
  expect(unknownWords('a dragon, dragon AND a fox BREAK __animals__ Füchse', known)).toEqual(['dragon', 'Füchse']);
  expect(unknownWords('', known)).toEqual([]);
});
