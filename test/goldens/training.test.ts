import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { createOrtNodeBackend } from '#backends/ort-node/cpu';
import { type TrainingFile, trainingSuites } from './training-cases.ts';
import { optimizerRows } from './training-optimizers.ts';
import type { TrainingRow } from './training-row.ts';

const read = (name: string): TrainingFile =>
  JSON.parse(readFileSync(new URL(`./data/numeric/${name}`, import.meta.url), 'utf8')) as TrainingFile;
const file = read('training.json');
const backend = createOrtNodeBackend({ device: 'cpu', threads: 1 });
afterAll(() => backend.dispose());

async function check(row: TrainingRow): Promise<void> {
  const checks = await row.run(backend);
  expect(checks.length, row.name).toBeGreaterThan(0);
  for (const { name, error, tolerance } of checks) expect(error, name).toBeLessThanOrEqual(tolerance);
}

describe('numeric/training.json', () => {
  it('has an executor for every section', () => {
    const sections = Object.keys(file).filter((k) => !['about', 'schema', 'seed', 'autograd'].includes(k));
    expect(trainingSuites.map((s) => s.section).sort()).toEqual(sections.sort());
  });

  for (const { rows } of trainingSuites) {
    it.each(rows(file).map((row) => [row.name, row] as const))('computes %s', (_, row) => check(row));
  }
});

describe('numeric/prodigy.json', () => {
  it.each(optimizerRows(read('prodigy.json').optimizers).map((row) => [row.name, row] as const))(
    'computes %s',
    (_, row) => check(row),
  );
});
