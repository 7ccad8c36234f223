import { expect, it } from 'vitest';
import { killRun } from './kill-run.ts';
import { loadRun } from './load-run.ts';

it('keeps queue, gallery and files consistent over kills of studio and engine', async () => {
  const report = await killRun(5, 20_261_123);
  expect(report.problems).toEqual([]);
  expect(report.studioKills).toBe(5);
  expect(report.pictures).toBeGreaterThan(0);
}, 180_000);

it('serves many clients without losing, doubling or favouring', async () => {
  const report = await loadRun({ jobs: 60, clients: 12 });
  expect(report.problems).toEqual([]);
  expect(report).toMatchObject({ jobs: 60, pictures: 60 });
}, 180_000);
