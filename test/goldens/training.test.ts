import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { createOrtNodeBackend } from '#backends/ort-node/cpu';
import { type TrainingFile, trainingSuites } from './training-cases.ts';

const data = new URL('./data/numeric/training.json', import.meta.url);
const file = JSON.parse(readFileSync(data, 'utf8')) as TrainingFile;

describe('numeric/training.json', () => {
  const backend = createOrtNodeBackend({ device: 'cpu', threads: 1 });
  afterAll(() => backend.dispose());

  it('has an executor for every section', () => {
    const sections = Object.keys(file).filter((k) => !['about', 'schema', 'seed', 'autograd'].includes(k));
    expect(trainingSuites.map((s) => s.section).sort()).toEqual(sections.sort());
  });

  for (const { section, rows } of trainingSuites) {
    it.each(rows(file).map((row) => [row.name, row] as const))('computes %s', async (_, row) => {
      const checks = await row.run(backend);
      expect(checks.length, section).toBeGreaterThan(0);
      for (const { name, error, tolerance } of checks) expect(error, name).toBeLessThanOrEqual(tolerance);
    });
  }
});
