import { expect, it } from 'vitest';
import { unclosedBrackets } from './unclosed.ts';

it.each([
  ['a (fox) [at night:0.5] \\( :) (b:1.2)', []],
  ['((a fox', ['It opens 2 "(" and does not close; each acts to the end.']],
  ['a [b (c)', ['It opens a "[" and does not close; each acts to the end.']],
  [
    'a) b]]',
    [
      'It closes a ")" that it has not opened; read as words.',
      'It closes 2 "]" that it has not opened; read as words.',
    ],
  ],
  ['', []],
])('tells of %j what its brackets lack', (prompt, sentences) => {
  expect(unclosedBrackets(prompt, 'It')).toEqual(sentences);
});
