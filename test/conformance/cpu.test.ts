import { afterAll, describe, expect, it } from 'vitest';
import { createOrtNodeBackend } from '#backends/ort-node/cpu';
import { conformanceCases, runCase } from './backend-suite.ts';

/** Gradients of normalisations lose digits of f32 where a variance is small. */
const tolerance = 1e-4;

describe('the CPU backend', () => {
  const backend = createOrtNodeBackend({ device: 'cpu', threads: 1 });
  afterAll(() => backend.dispose());

  it.each(conformanceCases([1, 2, 3]).map((c) => [c.name, c] as const))(
    'computes %s',
    async (_, c) => {
      const errors = await runCase(backend, c);
      expect(Object.keys(errors)).toEqual(Object.keys(c.graph.outputs));
      for (const [name, error] of Object.entries(errors)) expect(error, name).toBeLessThan(tolerance);
    },
    300_000,
  );
});
