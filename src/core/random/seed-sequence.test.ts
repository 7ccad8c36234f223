import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { seedWords } from './seed-sequence.ts';

interface Row {
  readonly entropy: number;
  readonly spawnKey: readonly number[];
  readonly poolSize: number;
  readonly state: readonly number[];
}

const file = new URL('../../../test/goldens/data/reference/brownian.json', import.meta.url);
const { seedSequence } = JSON.parse(readFileSync(file, 'utf8')) as { seedSequence: readonly Row[] };

describe('NumPy’s SeedSequence', () => {
  it.each(seedSequence)('of $entropy, child $spawnKey', ({ entropy, spawnKey, poolSize, state }) => {
    expect([...seedWords(entropy, state.length, { spawnKey, poolSize })]).toEqual(state);
  });

  it.each([-1, 1.5, Number.NaN, 2 ** 54])('refuses %s', (entropy) => {
    expect(() => seedWords(entropy, 1)).toThrow('whole numbers from 0');
  });
});
