import { describe, expect, it } from 'vitest';
import type { WeightSource } from '#engine/backend';
import type { Graph } from '#graph/value';
import { sd15 } from '#models/sd1/config';
import { sd1 } from '#models/sd1/family';
import { type MemoryNeed, type NetworkNeed, planMemory } from './plan.ts';

const parts = sd1.parts(sd15);
const weights: WeightSource = { get: () => undefined };

function need(
  side: number,
  { rows = 2, ...rest }: Partial<MemoryNeed> & { inBlocks?: NetworkNeed['inBlocks'] } = {},
): MemoryNeed {
  const { inBlocks = () => undefined, ...others } = rest;
  const network = (graph: Graph): NetworkNeed => ({ graph, weights, inBlocks });
  const size = { height: side, width: side };
  return {
    size,
    rows,
    textEncoders: parts.textEncoders.map((part) => network(part.graph())),
    denoiser: network(parts.denoiser.graph(size)),
    beside: [],
    once: [],
    decoder: (at) => network(parts.autoencoder.decoderGraph(at)),
    adapterBytes: 0,
    ...others,
  };
}

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
    const [packed, wide] = [need(64, { inBlocks }), need(64)].map((of) => planMemory(of, 20e9).estimate.peak);
    expect(packed!).toBeLessThan(wide!);
  });

  it('counts networks that run beside, before and between', () => {
    const plain = planMemory(need(64), 1e11).estimate;
    const { denoiser } = need(64);
    const phasesWith = (more: Partial<MemoryNeed>) => planMemory(need(64, more), 1e11).estimate.phases;
    const half = { ...need(32).denoiser };
    const beside = phasesWith({ beside: [denoiser] });
    const weights = 4 * 859_520_964;
    expect(beside.denoising! - plain.phases.denoising!).toBeGreaterThan(weights);
    expect(beside.decoding! - plain.phases.decoding!).toBeGreaterThan(weights);
    expect(beside['loading control networks']! - plain.phases['loading control networks']!).toBeGreaterThan(weights);
    expect(phasesWith({ once: [half] })['reading control pictures']!).toBeGreaterThan(weights);
    expect(phasesWith({ shallow: half })['loading the denoiser']!).toBeGreaterThan(2 * weights);
    const enlarging = { upscaler: half, from: { height: 32, width: 32 } };
    expect(phasesWith({ enlarging })['enlarging a picture']!).toBeGreaterThan(2 * weights);
    expect(phasesWith({ adapterBytes: 1e9 }).denoising! - plain.phases.denoising!).toBe(1e9);
  });
});
