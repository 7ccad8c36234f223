import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type AutogradRow, autogradCase, relativeError } from '../../test/goldens/autograd-cases.ts';
import { interpret } from './interpret.ts';

const goldens = new URL('../../test/goldens/data/numeric/training.json', import.meta.url);
const rows = (JSON.parse(readFileSync(goldens, 'utf8')) as { autograd: AutogradRow[] }).autograd;

describe('golden gradients', () => {
  it('cover every row', () => {
    expect(rows.length).toBe(87);
  });

  it.each(rows.map((row) => [row.op, row] as const))('%s agrees with torch.autograd', (_, row) => {
    const { graph, feeds, expected } = autogradCase(row, 'f64');
    const results = interpret(graph, feeds, { precision: 'f64' });
    for (const [name, { shape, data }] of Object.entries(expected)) {
      expect(results[name]!.shape, name).toEqual(shape);
      expect(relativeError(results[name]!.data as Float64Array, data), name).toBeLessThan(1e-9);
    }
  });
});
