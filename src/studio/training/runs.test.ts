import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { TrainingRuns } from './runs.ts';

const root = mkdtempSync(join(tmpdir(), 'darkroom-runs-'));
afterAll(() => rmSync(root, { recursive: true }));
const runs = new TrainingRuns(join(root, 'trainings'));

it('tells what was measured, evenly taken with the last, and nothing that is half written', async () => {
  expect(await runs.metrics('none', 10)).toEqual([]);
  mkdirSync(runs.folderOf('a'), { recursive: true });
  // Longer than what is read of a file at once, so that rows are cut between two pieces.
  const rows = Array.from({ length: 10_000 }, (_, i) => ({ step: i + 1, loss: 1 / (i + 1) }));
  const text = rows.map((row) => `${JSON.stringify(row)}\n`).join('');
  writeFileSync(join(runs.folderOf('a'), 'metrics.jsonl'), `${text}{"step":10001,"lo`);
  expect(await runs.metrics('a', 20_000)).toEqual(rows);
  expect((await runs.metrics('a', 4)).map(({ step }) => step)).toEqual([2500, 5000, 7500, 10_000]);
  expect(runs.placeOf('a')).toBe('trainings/a');
});
