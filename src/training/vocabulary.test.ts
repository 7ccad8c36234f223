import { expect, it } from 'vitest';
import { TrainingRandom } from './random.ts';
import { compactIds, compactTable, widenTable } from './vocabulary.ts';

const vocabulary = Int32Array.from([3, 7, 20, 41, 99]);
const width = 4;
const rows = new TrainingRandom(2).fillNormal(new Float32Array(vocabulary.length * width));

it('numbers the ids that occur', () => {
  expect(compactIds(Int32Array.from([41, 3, 99, 50]), vocabulary)).toEqual(Int32Array.from([3, 0, 4, 0]));
});

it('widens the trained table with the mean of its rows', () => {
  const wide = widenTable(rows, vocabulary, { vocabSize: 100, width });
  expect(wide).toHaveLength(100 * width);
  expect(wide.subarray(41 * width, 42 * width)).toEqual(rows.subarray(3 * width, 4 * width));
  const mean = vocabulary.reduce((sum, _, row) => sum + rows[row * width]! / vocabulary.length, 0);
  expect(wide[50 * width]).toBeCloseTo(mean, 6);
});

it('gets the trained rows back from the wide table', () => {
  expect(compactTable(widenTable(rows, vocabulary, { vocabSize: 100, width }), vocabulary, width)).toEqual(rows);
});

it('keeps the rows of a table that was there before for ids that were not trained', () => {
  const before = new Float32Array(100 * width).fill(0.5);
  const wide = widenTable(rows, vocabulary, { vocabSize: 100, width }, before);
  expect(wide.subarray(50 * width, 51 * width)).toEqual(new Float32Array(width).fill(0.5));
  expect(wide.subarray(7 * width, 8 * width)).toEqual(rows.subarray(width, 2 * width));
  expect(before[7 * width]).toBe(0.5);
});
