import { describe, expect, it } from 'vitest';
import { readRegions, writeRegions } from '#prompt/regions';
import { checkRegions, joinRegions, regionShares } from './regions.ts';

const size = { width: 4, height: 2 };

describe('regions', () => {
  it('are read as rectangles, and written as they are read', () => {
    const text = '0-0.5:0-1; .25-1:.125-0.333; all';
    const regions = readRegions(text)!;
    expect(regions).toEqual([
      { left: 0, right: 0.5, top: 0, bottom: 1 },
      { left: 0.25, right: 1, top: 0.125, bottom: 0.333 },
      { left: 0, right: 1, top: 0, bottom: 1 },
    ]);
    expect(readRegions(writeRegions(regions))).toEqual(regions);
    expect(readRegions(' ')).toEqual([]);
  });

  it.each([
    '0-1',
    '0.5-0.5:0-1',
    '0.6-0.5:0-1',
    '0-1.2:0-1',
    '0-1:0-1;',
    '-1-1:0-1',
    'left',
    `${'9'.repeat(400)}-1:0-1`,
  ])('are no %j', (text) => {
    expect(readRegions(text)).toBeUndefined();
  });

  it('share each cell by weight and by how much of it they cover', () => {
    const [a, b] = regionShares(readRegions('0-0.375:0-1; all')!, [1, 3], size) as [Float32Array, Float32Array];
    // The second column is half covered by the first part: 0.5 against 3.
    expect([...a.slice(0, 4)]).toEqual([1 / 4, Math.fround(0.5 / 3.5), 0, 0]);
    for (let cell = 0; cell < 8; cell++) expect(a[cell]! + b[cell]!).toBeCloseTo(1, 6);
  });

  it('leave to all parts, by weight, what none of them holds', () => {
    const shares = regionShares(readRegions('0-0.25:0-1; 0.25-0.5:0-1')!, [1, 3], size);
    expect(shares.map((share) => [...share.slice(0, 4)])).toEqual([
      [1, 0, 0.25, 0.25],
      [0, 1, 0.75, 0.75],
    ]);
  });

  it('join the predictions of every channel and picture', () => {
    const shares = regionShares(readRegions('0-0.5:0-1; 0.5-1:0-1')!, [1, 1], { width: 2, height: 1 });
    const joined = joinRegions([Float32Array.of(1, 2, 3, 4), Float32Array.of(5, 6, 7, 8)], shares);
    expect([...joined]).toEqual([1, 6, 3, 8]);
  });

  it('must be as many as the prompt has parts, whose weights are above nothing', () => {
    const check = (prompt: string, regions: string) => () => checkRegions({ prompt, negativePrompt: '', regions });
    expect(check('a fox AND a house', '')).not.toThrow();
    expect(check('a fox <lora:x:1> AND a house # AND more', 'all; all')).not.toThrow();
    expect(check('a fox', 'all; all')).toThrow(/^Regions: 2; parts of the prompt: 1\./);
    expect(check('a fox AND a house', 'all')).toThrow(/^Regions: 1; parts of the prompt: 2\./);
    expect(check('a fox AND a house :-1', 'all; all')).toThrow(/"a house" has -1/);
  });
});
