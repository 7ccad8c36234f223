import { expect, it } from 'vitest';
import { eventsRun } from './events-run.ts';
import { fuzzRun } from './fuzz-run.ts';
import { growthRun } from './growth-run.ts';
import { hostileRun } from './hostile-run.ts';
import { killRun } from './kill-run.ts';
import { loadRun } from './load-run.ts';
import { mutations, shortCount } from './mutations.ts';
import { mutationsRun } from './mutations-run.ts';
import { soakRun } from './soak-run.ts';

const seed = 20_261_123;

it('keeps queue, gallery and files consistent over kills of studio and engine', async () => {
  const report = await killRun(5, seed);
  expect(report.problems).toEqual([]);
  expect(report.studioKills).toBe(5);
  expect(report.pictures).toBeGreaterThan(0);
}, 180_000);

it('serves many clients without losing, doubling or favouring', async () => {
  const report = await loadRun({ jobs: 24, clients: 8, real: true });
  expect(report.problems).toEqual([]);
  expect(report).toMatchObject({ jobs: 24, pictures: 24 });
}, 180_000);

it('refuses malformed requests and stays', async () => {
  const report = await fuzzRun({ count: 300, seed });
  expect(report.problems).toEqual([]);
  expect(report.requests).toBe(300);
  expect(report.statuses[422]! + report.statuses[400]!).toBeGreaterThan(50);
}, 180_000);

it('delivers every event in order to readers who stay and to those who come back', async () => {
  const report = await eventsRun({ clients: 20, seconds: 3, seed });
  expect(report.problems).toEqual([]);
  expect(report.cuts).toBeGreaterThan(0);
  expect(report.delivered).toBeGreaterThan(report.events);
}, 180_000);

it('works through a mixed day', async () => {
  const report = await soakRun({ seconds: 6, seed });
  expect(report.problems).toEqual([]);
  expect(report.pictures).toBeGreaterThan(0);
}, 180_000);

it('is neither held, filled nor ended by inputs that are made for it', async () => {
  // What works with the square of its input holds it for many seconds; a busy machine, for a part of one.
  const report = await hostileRun({ every: 15, small: true, mostHeldMs: 1000 });
  expect(report.problems).toEqual([]);
  expect(report.inputs).toBeGreaterThan(10);
}, 300_000);

it('reads text and bytes in work that grows no faster than they do', async () => {
  const report = await growthRun({ once: true });
  expect(report.problems).toEqual([]);
  expect(report.readers).toBeGreaterThan(20);
  expect(report.shapes).toBeGreaterThan(500);
}, 300_000);

it('notices the sources being broken', () => {
  const report = mutationsRun(() => {}, mutations.slice(0, shortCount));
  expect(report).toMatchObject({ tried: shortCount, noticed: shortCount, problems: [] });
}, 300_000);
