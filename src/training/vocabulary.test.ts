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
  const wide = widenTable(rows, vocabulary, 100, width);
  expect(wide).toHaveLength(100 * width);
  expect(wide.subarray(41 * width, 42 * width)).toEqual(rows.subarray(3 * width, 4 * width));
  const mean = vocabulary.reduce((sum, _, row) => sum + rows[row * width]! / vocabulary.length, 0);
  expect(wide[50 * width]).toBeCloseTo(mean, 6);
});

it('gets the trained rows back from the wide table', () => {
  expect(compactTable(widenTable(rows, vocabulary, 100, width), vocabulary, width)).toEqual(rows);
});
