import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { checkNoiseAndGuidance, type NoiseGuidanceSections } from '../../test/goldens/noise-guidance-rows.ts';
import { batchSeeds, createNoiseSource, type NoiseKind } from './noise-source.ts';

const golden = new URL('../../test/goldens/data/numeric/images.json', import.meta.url);
const checks = [...checkNoiseAndGuidance(JSON.parse(readFileSync(golden, 'utf8')) as NoiseGuidanceSections)];

describe('golden variations and guidance', () => {
  it('covers every section', () => {
    const sections = new Set(checks.map((check) => check.name.split('/').slice(0, 1).join('/')));
    expect([...sections].sort()).toEqual(['guidance', 'slerp', 'variation']);
  });

  it('agrees in every row', () => {
    expect(checks.filter(({ error, tolerance }) => !(error <= tolerance))).toEqual([]);
  });
});

describe.each(['cpu', 'gpu'] as const)('%s noise of a batch', (kind: NoiseKind) => {
  const shape = [4, 3, 5] as const;
  const size = 60;
  const drawAll = (seeds: readonly number[]) => {
    const source = createNoiseSource({ kind, seeds, shape });
    const along = source.brownian(0, 15);
    return [source.first(), source.next(), source.next(), along(9, 4), along(4, 1)];
  };

  it('is each image’s own, whatever is drawn beside it', () => {
    const together = drawAll(batchSeeds(3, 40).seeds);
    for (const [i, seed] of [40, 41, 42].entries()) {
      const alone = drawAll([seed]);
      expect(together.map((noise) => noise.slice(i * size, (i + 1) * size))).toEqual(alone);
    }
  });

  it('keeps the seed and counts the variation seed up where a variation is asked for', () => {
    const { seeds, variationSeeds } = batchSeeds(3, 7, { seed: 100, strength: 0.3 });
    expect([seeds, variationSeeds]).toEqual([
      [7, 7, 7],
      [100, 101, 102],
    ]);
    expect(batchSeeds(2, 7, { seed: 100, strength: 0 }).seeds).toEqual([7, 8]);
  });
});
