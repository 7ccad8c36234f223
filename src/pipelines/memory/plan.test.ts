import { describe, expect, it } from 'vitest';
import { sd15 } from '#models/sd1/config';
import { sd1 } from '#models/sd1/family';
import { type MemoryNeed, planMemory } from './plan.ts';

const parts = sd1.parts(sd15);
const need = (size: number, rows = 2): MemoryNeed => ({
  parts,
  weights: { get: () => undefined },
  size: { height: size, width: size },
  rows,
  encodes: false,
  inBlocks: () => undefined,
});

describe('planMemory', () => {
  it('changes nothing where there is room', () => {
    const { plan } = planMemory(need(64), 20e9);
    expect(plan).toMatchObject({ releaseEncoders: false, tiling: undefined, rows: 2, releaseDenoiser: false });
  });

  it('takes one measure after the other as room gets less', () => {
    const measures = [20e9, 9e9, 6e9, 1e9].map((limit) => planMemory(need(128), limit));
    const peaks = measures.map(({ estimate }) => estimate.peak);
    expect([...peaks].sort((a, b) => b - a)).toEqual(peaks);
    const [free, , , least] = measures.map(({ plan }) => plan);
    expect(free!.tiling).toBeUndefined();
    expect(measures[1]!.plan).toMatchObject({ releaseEncoders: true, rows: 2, tiling: { side: 64 } });
    expect(least).toMatchObject({ releaseEncoders: true, rows: 1, tiling: { side: 32 } });
    for (const [i, limit] of [20e9, 9e9, 6e9].entries()) expect(peaks[i]).toBeLessThanOrEqual(limit);
  });

  it('tells a picture of 512x512 by SD 1.5 within the target of 5.5 GB', () => {
    const { estimate, plan } = planMemory(need(64), 5.5e9);
    expect(estimate.peak).toBeLessThan(5.5e9);
    expect(plan.releaseDenoiser).toBe(false);
  });

  it('counts less for weights that stay in blocks', () => {
    const inBlocks = (name: string) => (name.endsWith('ff.net.0.proj.weight') ? 1.125 : undefined);
    const [packed, wide] = [{ ...need(64), inBlocks }, need(64)].map((of) => planMemory(of, 20e9).estimate.peak);
    expect(packed!).toBeLessThan(wide!);
  });
});
