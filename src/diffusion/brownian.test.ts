import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { TorchCpuGenerator } from '#core/random/torch-cpu';
import { BrownianPath } from './brownian.ts';
import { createNoiseSource, type NoiseKind } from './noise-source.ts';
import { stableDiffusionTable } from './noise-table.ts';
import { asSeed } from './numbers.ts';
import { planSampling } from './sample.ts';

interface Tree {
  readonly kind: NoiseKind;
  readonly seed: number;
  readonly shape: readonly [number, number, number];
  readonly min: number;
  readonly max: number;
  readonly steps: readonly { readonly from: number; readonly to: number; readonly noise: readonly number[] }[];
}

const file = new URL('../../test/goldens/data/reference/brownian.json', import.meta.url);
const { trees } = JSON.parse(readFileSync(file, 'utf8')) as { trees: readonly Tree[] };

describe('torchsde’s Brownian tree', () => {
  it.each(trees)('$kind stream, seed $seed, levels $min to $max', ({ kind, seed, shape, min, max, steps }) => {
    // A second image in front: paths must not mix.
    const source = createNoiseSource({ kind, seeds: [seed + 1, seed], shape });
    const noise = source.brownian(min, max);
    const size = shape[0] * shape[1] * shape[2];
    for (const step of steps) {
      const got = noise(step.from, step.to).slice(size);
      for (const [i, expected] of step.noise.entries()) expect(Math.abs(got[i]! - expected)).toBeLessThan(2e-6);
    }
  });

  it.each(['DPM++ SDE', 'DPM++ 2M SDE', 'DPM++ 2M SDE Heun', 'DPM++ 3M SDE'])(
    '%s draws over its whole schedule, entered midway too',
    async (sampler) => {
      const table = stableDiffusionTable();
      const asked: [number, number][] = [];
      const noise = {
        first: () => new Float32Array(1),
        next: () => new Float32Array(1),
        brownian: (min: number, max: number) => {
          asked.push([min, max]);
          return () => new Float32Array(1);
        },
      };
      for (const strength of [undefined, 0.4]) {
        const plan = planSampling({ sampler, scheduler: 'Karras', steps: 10, table, strength });
        const x = plan.start(Float32Array.of(1), Float32Array.of(0));
        for await (const _ of plan.run({ denoise: async (y) => y, x, noise })) break;
      }
      const { sigmas } = planSampling({ sampler, scheduler: 'Karras', steps: 10, table }).schedule;
      expect(asked).toEqual(Array(2).fill([sigmas.at(-2), sigmas[0]]));
    },
  );
});

describe('a Brownian path', () => {
  const length = 1000;
  const increments = (levels: readonly number[]) => {
    const generator = (seed: number) => new TorchCpuGenerator(seed);
    const path = new BrownianPath({ seed: asSeed(11), shape: [length], min: 0, max: 15, generator });
    return levels.slice(1).map((level, i) => {
      const out = new Float64Array(length);
      path.increment(levels[i]!, level, out);
      return out;
    });
  };

  it('gives the same sum over a step taken whole or in parts', () => {
    const [whole] = increments([9, 1]);
    const [a, b, c] = increments([9, 5, 2.5, 1]);
    for (let i = 0; i < length; i += 19) {
      const sum = a![i]! * Math.sqrt(4) + b![i]! * Math.sqrt(2.5) + c![i]! * Math.sqrt(1.5);
      expect(sum).toBeCloseTo(whole![i]! * Math.sqrt(8), 5);
    }
  });

  it('stands still between levels closer than its finest cell', () => {
    for (const level of [3, 0.25]) {
      expect(increments([level, level + 1e-7])[0]!.every((value) => value === 0)).toBe(true);
    }
  });

  it('has independent increments of mean 0 and variance 1', () => {
    const parts = increments([14.6, 5, 2.5, 1, 0.1, 0.03]);
    const dot = (x: Float64Array, y: Float64Array) => x.reduce((sum, v, i) => sum + v * y[i]!, 0) / length;
    for (const [i, x] of parts.entries()) {
      // Five standard errors.
      expect(Math.abs(x.reduce((sum, v) => sum + v, 0) / length)).toBeLessThan(5 / Math.sqrt(length));
      for (const [j, y] of parts.entries()) {
        expect(Math.abs(dot(x, y) - (i === j ? 1 : 0))).toBeLessThan((5 * Math.SQRT2) / Math.sqrt(length));
      }
    }
  });
});
