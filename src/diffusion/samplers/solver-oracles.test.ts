/** Samplers against diffusers' schedulers and independent programs, state by state; see `about` in the data. */

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { stableDiffusionTable } from '../noise-table.ts';
import { asSigma, type Latent } from '../numbers.ts';
import type { Denoise, Prediction } from '../parameterization.ts';
import type { Schedule } from '../schedules.ts';
import { scheduleOfTimesteps, webuiTimestepSchedule } from '../timesteps.ts';
import { findSampler } from './index.ts';
import { publishedWeights } from './ipndm-v.ts';
import type { SamplerRun } from './sampler.ts';
import { explodingScale } from './variance-preserving.ts';

interface Run {
  readonly timesteps: readonly number[];
  readonly states: readonly (readonly number[])[];
}

const read = (name: string) =>
  JSON.parse(readFileSync(new URL(`../../../test/goldens/data/reference/${name}.json`, import.meta.url), 'utf8'));
const oracles = read('solver-oracles') as Record<string, Run> &
  Record<'ipndm' | 'er_sde' | 'euler_cfg_pp' | 'euler_a_cfg_pp' | 'ddim_cfg_pp_10', readonly (readonly number[])[]> & {
    readonly x_T: readonly number[];
    readonly sigmas: readonly number[];
  };
const { mixture } = (read('sampler-oracles') as { oracle: { mixture: Record<'w' | 'mu' | 'sd', number[]> } }).oracle;
const table = stableDiffusionTable();

/** The exact clean estimate of a mixture of normals, its means moved by `shift`. */
function exact(x: number, sigma: number, shift = 0): number {
  const { w, mu, sd } = mixture;
  const variances = sd.map((s) => s * s + sigma * sigma);
  const centred = mu.map((m) => x - m - shift);
  const weights = variances.map((v, k) => (w[k]! / Math.sqrt(v)) * Math.exp(-(centred[k]! ** 2) / (2 * v)));
  const total = weights.reduce((a, b) => a + b, 0);
  const parts = variances.map((v, k) => ((mu[k]! + shift) * sigma * sigma + x * sd[k]! ** 2) / v);
  return parts.reduce((sum, part, k) => sum + (weights[k]! / total) * part, 0);
}

function countedNoise(): () => Float64Array {
  let k = -1;
  return () => {
    k++;
    return Float64Array.of(Math.sin(1 + 3 * k), Math.cos(2 + 5 * k), Math.sin(4 - 2 * k));
  };
}

async function statesOf(name: string, schedule: Schedule, options: Partial<SamplerRun> = {}): Promise<Latent[]> {
  const { run, space, settings } = findSampler(name);
  const scale = space === 'vp' ? 1 : options.x ? 1 : schedule.sigmas[0]!;
  const states: Latent[] = [];
  const given: SamplerRun = {
    denoise: async (x, sigma) => x.map((v) => exact(v, sigma)),
    x: Float64Array.from(oracles.x_T, (v) => v * scale),
    schedule,
    table,
    noise: countedNoise(),
    ...options,
    settings: { ...settings, ...options.settings },
  };
  for await (const { x } of run(given)) states.push(x.slice());
  return states;
}

function expectStates(got: readonly Latent[], expected: readonly (readonly number[])[], tolerance: number): void {
  expect(got.length).toBe(expected.length);
  for (const [i, state] of expected.entries()) {
    const largest = Math.max(...state.map(Math.abs), 1);
    for (const [k, v] of state.entries()) {
      expect(Math.abs(got[i]![k]! - v), `state ${i}`).toBeLessThan(tolerance * largest);
    }
  }
}

describe('diffusers', () => {
  /** Set by float32 tables, of which DEIS takes differences of logarithms. */
  const tolerance = 3e-5;
  const schedulers = Object.keys(oracles).filter((key) => /^(deis|sa)_/.test(key));

  it.each(schedulers)('%s', async (key) => {
    const [kind, variant] = key.split('_') as ['deis' | 'sa', string];
    const { timesteps, states } = oracles[key]!;
    const schedule = scheduleOfTimesteps(timesteps, table, 'first');
    const { sigmas } = schedule;
    const got = await statesOf(kind === 'deis' ? 'DEIS' : 'SA Solver', schedule, {
      x: Float64Array.from(oracles.x_T, (v) => v * explodingScale(sigmas[0]!)),
      settings: kind === 'deis' ? { order: Number(variant) } : { eta: variant === 'ode' ? 0 : 1 },
    });
    const scaled = got.map((x, i) => x.map((v) => v / explodingScale(sigmas[i + 1]!)) as Latent);
    expectStates(scaled, states, tolerance);
  });

  it.each(Object.keys(oracles).filter((key) => key.startsWith('plms')))('%s', async (key) => {
    const prediction = key.replace(/plms_|_\d+/g, '') as Prediction;
    const { timesteps, states } = oracles[key]!;
    const distinct = timesteps.filter((t, i) => t !== timesteps[i - 1]);
    const schedule = scheduleOfTimesteps(distinct, table, 'first');
    const got = await statesOf('PLMS diffusers', schedule, { prediction });
    // Two calls make the first step there.
    expectStates(got, states.slice(1), tolerance);
  });
});

describe('programs of the formulas', () => {
  const schedule: Schedule = { sigmas: oracles.sigmas.map(asSigma) };
  const factor = 0.56;

  /** Guidance between two mixtures, with what CFG++ needs of it. */
  function guided(): Pick<SamplerRun, 'denoise' | 'unconditional'> {
    let noise: Latent | undefined;
    const denoise: Denoise = async (x, sigma) => {
      const uncond = x.map((v) => exact(v, sigma));
      noise = x.map((v, i) => (v - uncond[i]!) / sigma);
      return x.map((v, i) => uncond[i]! + factor * (exact(v, sigma, 0.5) - uncond[i]!));
    };
    return { denoise, unconditional: () => noise };
  }

  it.each([
    ['IPNDM', 'ipndm'],
    ['ER SDE', 'er_sde'],
  ] as const)('%s', async (name, key) => {
    expectStates(await statesOf(name, schedule), oracles[key], 1e-9);
  });

  it.each([
    ['Euler CFG++', 'euler_cfg_pp'],
    ['Euler a CFG++', 'euler_a_cfg_pp'],
  ] as const)('%s', async (name, key) => {
    expectStates(await statesOf(name, schedule, guided()), oracles[key], 1e-9);
  });

  it('DDIM CFG++', async () => {
    const got = await statesOf('DDIM CFG++', webuiTimestepSchedule(10, table), guided());
    expectStates(got, oracles.ddim_cfg_pp_10, 1e-9);
  });

  it.each([
    ['DDIM CFG++', 'DDIM'],
    ['Euler CFG++', 'Euler'],
  ])('%s without guidance is %s', async (name, plain) => {
    const grid = findSampler(name).grid?.(10, table) ?? schedule;
    const [got, expected] = [await statesOf(name, grid), await statesOf(plain, grid)];
    expectStates(
      got,
      expected.map((x) => [...x]),
      1e-9,
    );
  });
});

describe('UniPC with coefficients that vary', () => {
  it('corrects the first step and predicts the second exactly where the clean estimate is linear in ln sigma', async () => {
    const sigmas = [9, 3.5, 1.7].map(asSigma);
    const [a, b] = [0.7, -0.4];
    const denoise: Denoise = async (x, sigma) => x.map(() => a - b * Math.log(sigma));
    // x / sigma grows by the integral of e^l (a + b l) over l = -ln sigma.
    const grown = (l: number): number => Math.exp(l) * (a + b * (l - 1));
    const start = 2;
    const vp = (x: number, sigma: number): number => x / explodingScale(sigma);
    const run: SamplerRun = {
      denoise,
      x: Float64Array.of(vp(start, sigmas[0]!)),
      schedule: { sigmas },
      table,
      noise: () => Float64Array.of(0),
      settings: { variant: 'vary_coeff', order: 2, lowerOrderFinal: false },
    };
    for await (const { x, sigma } of findSampler('UniPC').run(run)) {
      const exactly = sigma * (start / 9 + grown(-Math.log(sigma)) - grown(-Math.log(9)));
      expect(x[0]).toBeCloseTo(vp(exactly, sigma), 10);
    }
  });

  it('and other spacings begin and end where they should', () => {
    const { grid } = findSampler('UniPC');
    const even = grid!(8, table);
    for (const skipType of ['time_quadratic', 'logSNR'] as const) {
      const { sigmas, timesteps } = grid!(8, table, { skipType });
      expect([sigmas[0], sigmas.at(-1)]).toEqual([even.sigmas[0], even.sigmas.at(-1)]);
      const steps = skipType === 'logSNR' ? sigmas.map(Math.log) : timesteps!.map((t) => Math.sqrt((t + 1) / 1000));
      for (const [i, step] of steps.entries()) {
        expect(step).toBeCloseTo(steps[0]! + (i / (steps.length - 1)) * (steps.at(-1)! - steps[0]!), 6);
      }
    }
  });
});

describe('IPNDM V', () => {
  it('has the weights of equal steps up to the third order, and published ones at the fourth', () => {
    expect(publishedWeights([1])).toEqual([1]);
    expect(publishedWeights([2, 2])).toEqual([1.5, -0.5]);
    const third = publishedWeights([-1, -1, -1]);
    [23 / 12, -16 / 12, 5 / 12].forEach((weight, i) => {
      expect(third[i]).toBeCloseTo(weight, 12);
    });
    const fourth = publishedWeights([1, 1, 1, 1]);
    [57 / 24, -65 / 24, 43 / 24, -11 / 24].forEach((weight, i) => {
      expect(fourth[i]).toBeCloseTo(weight, 12);
    });
    const sum = (lengths: readonly number[]): number => publishedWeights(lengths).reduce((x, y) => x + y, 0);
    expect(sum([1.2, 0.7, 2])).toBeCloseTo(1, 12);
    // What is wrong with them: an exact rule's are 1 for any lengths.
    expect(sum([1.2, 0.7, 2, 0.4])).toBeCloseTo(2.194375, 6);
  });
});
