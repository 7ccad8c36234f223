/** Samplers against values measured elsewhere, and against the theory: order of convergence, spread of the results. */

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { stableDiffusionTable } from '../noise-table.ts';
import { asSigma, type Latent } from '../numbers.ts';
import type { Denoise } from '../parameterization.ts';
import { karrasSigmas, type Schedule } from '../schedules.ts';
import { lcmTimesteps, leadingTimesteps, multistepTimesteps, scheduleOfTimesteps } from '../timesteps.ts';
import { findSampler } from './index.ts';
import type { SamplerSettings } from './sampler.ts';

interface Oracle {
  readonly mixture: { w: number[]; mu: number[]; sd: number[] };
  readonly ve: { smax: number; smin: number; x0_over_smax: number[]; tol: number; out: Record<string, number[]> };
  readonly vp: { x_T: number[]; n: number; tol: number; out: Record<string, number[]> };
}

const file = new URL('../../../test/goldens/data/reference/sampler-oracles.json', import.meta.url);
const { oracle } = JSON.parse(readFileSync(file, 'utf8')) as { oracle: Oracle };
const table = stableDiffusionTable();

/** The exact denoiser of a one-dimensional mixture of normals. */
const mixture: Denoise = async (x, sigma) => {
  const { w, mu, sd } = oracle.mixture;
  return x.map((value) => {
    const variances = sd.map((s) => s * s + sigma * sigma);
    const weights = variances.map((v, k) => (w[k]! / Math.sqrt(v)) * Math.exp(-((value - mu[k]!) ** 2) / (2 * v)));
    const total = weights.reduce((a, b) => a + b, 0);
    return variances.reduce(
      (sum, v, k) => sum + ((weights[k]! / total) * (mu[k]! * sigma * sigma + value * sd[k]! ** 2)) / v,
      0,
    );
  });
};

function countedNoise(): () => Float64Array {
  let k = 0;
  return () => {
    const draw = [Math.sin(1 + 3 * k), Math.cos(2 + 5 * k), Math.sin(4 - 2 * k)];
    k++;
    return Float64Array.from(draw);
  };
}

async function finalOf(
  name: string,
  x: Latent,
  schedule: Schedule,
  settings: SamplerSettings = {},
  noise: () => Latent = countedNoise(),
  denoise: Denoise = mixture,
): Promise<Latent> {
  let last = x;
  for await (const step of findSampler(name).run({ denoise, x, schedule, table, noise, settings })) last = step.x;
  return last;
}

function worst(got: Latent, expected: readonly number[]): number {
  return Math.max(...expected.map((value, i) => Math.abs(got[i]! - value)));
}

describe('k-diffusion on the mixture', () => {
  const { smax, smin, x0_over_smax, tol, out } = oracle.ve;
  const schedule = { sigmas: [...karrasSigmas(10, smin, smax), 0].map(asSigma) };
  it.each([
    ['euler', 'Euler', {}],
    ['heun', 'Heun', {}],
    ['dpm2', 'DPM2', {}],
    ['lms', 'LMS', {}],
    ['euler_a', 'Euler a', {}],
    ['dpm2_a', 'DPM2 a', {}],
    ['2s_a', 'DPM++ 2S a', {}],
    ['sde', 'DPM++ SDE', {}],
    ['2m', 'DPM++ 2M', {}],
    ['2m_sde', 'DPM++ 2M SDE', {}],
    ['2m_sde_heun', 'DPM++ 2M SDE Heun', { solver: 'heun' }],
    ['3m_sde', 'DPM++ 3M SDE', {}],
    ['dpm_fast_10', 'DPM fast', { eta: 0 }],
    ['dpm_adaptive', 'DPM adaptive', { eta: 0 }],
  ] as const)('%s', async (key, name, settings) => {
    const x = Float64Array.from(x0_over_smax, (value) => value * smax);
    expect(worst(await finalOf(name, x, schedule, settings), out[key]!)).toBeLessThan(tol);
  });
});

describe('diffusers on the mixture', () => {
  const { x_T, n, tol, out } = oracle.vp;
  const cases = [
    ['ddim_leading', 'DDIM', scheduleOfTimesteps(leadingTimesteps(n), table, 'first'), {}],
    ['plms', 'PLMS', scheduleOfTimesteps(leadingTimesteps(n), table, 'first'), {}],
    ['ddpm_small', 'DDPM', scheduleOfTimesteps(leadingTimesteps(n, 0), table, 'zero'), {}],
    ['lcm4', 'LCM diffusers', scheduleOfTimesteps(lcmTimesteps(4), table, 'zero'), {}],
  ] as const;
  it.each(cases)('%s', async (key, name, schedule, settings) => {
    // diffusers' float32 tables set the tolerance.
    expect(worst(await finalOf(name, Float64Array.from(x_T), schedule, settings), out[key]!)).toBeLessThan(tol);
  });
});

describe('order of convergence between sigma 14.6 and 0.2', () => {
  const start = Float64Array.from([10, -7, 3]);
  const over = (n: number): Schedule => ({ sigmas: karrasSigmas(n + 1, 0.2, 14.6).map(asSigma) });
  const errorAt = async (name: string, n: number, exact: Latent) =>
    worst(await finalOf(name, start, over(n)), [...exact]);

  it.each([
    ['Euler', 400, 0.8, 1.2],
    ['Heun', 80, 1.7, 2.5],
    ['DPM2', 80, 1.7, 2.6],
    ['DPM++ 2M', 80, 1.6, 2.6],
    ['LMS', 80, 2.2, 4.5],
  ])('%s', async (name, steps, least, most) => {
    const exact = await finalOf('Heun', start, over(3000));
    const order = Math.log2((await errorAt(name, steps, exact)) / (await errorAt(name, 2 * steps, exact)));
    expect(order).toBeGreaterThan(least);
    expect(order).toBeLessThan(most);
  });
});

describe('spread of stochastic samplers', () => {
  it.each(['Euler a', 'DPM++ 2S a', 'DPM++ SDE', 'DPM++ 2M SDE', 'DPM++ 3M SDE', 'DDPM'])(
    '%s draws from the mixture',
    async (name) => {
      const count = 3000;
      const normal = normals(1234);
      const sampler = findSampler(name);
      const schedule =
        sampler.space === 'vp'
          ? scheduleOfTimesteps(multistepTimesteps(60), table)
          : { sigmas: [...karrasSigmas(60, 0.03, 14.6), 0].map(asSigma) };
      const scale = sampler.space === 'vp' ? 1 : 14.6;
      const x = Float64Array.from({ length: count }, () => normal() * scale);
      const result = Float64Array.from(await finalOf(name, x, schedule, {}, () => x.map(() => normal())));
      const { w, mu, sd } = oracle.mixture;
      const mean = w.reduce((sum, weight, k) => sum + weight * mu[k]!, 0);
      const square = w.reduce((sum, weight, k) => sum + weight * (mu[k]! ** 2 + sd[k]! ** 2), 0);
      const below = result.reduce((sum, value) => sum + (value < 0 ? 1 : 0), 0) / count;
      // The first mode holds 0.3; its share is the hardest to get right. Five standard errors and 60 steps' own error.
      expect(below).toBeGreaterThan(0.24);
      expect(below).toBeLessThan(0.36);
      expect(Math.abs(result.reduce((sum, value) => sum + value, 0) / count - mean)).toBeLessThan(0.16);
      expect(Math.abs(result.reduce((sum, value) => sum + value * value, 0) / count - square)).toBeLessThan(0.2);
    },
  );
});

/** Normal values from a small fixed generator. */
function normals(seed: number): () => number {
  let state = seed;
  const uniform = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state + 0.5) / 2 ** 32;
  };
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
}
