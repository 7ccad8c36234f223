/**
 * Noise schedules: which noise levels a sampler visits. A schedule of n steps is a list of n sigmas, descending, and a
 * final 0 (with the exceptions noted at KL Optimal and DDIM).
 *
 * Sources: Karras et al. 2022 eq. 5; k-diffusion sampling.py; A1111 modules/sd_schedulers.py (labels, SGM Uniform,
 * KL Optimal, Align Your Steps, Simple, Normal, DDIM, Beta); ComfyUI comfy/samplers.py (the rows named after it);
 * Sabour et al. 2024 (Align Your Steps tables).
 */

import { betaQuantile } from './beta-distribution.ts';
import { findNamed, type Named } from './named.ts';
import type { NoiseTable } from './noise-table.ts';
import { asSigmas, checkSteps, linspace, roundHalfEven, type Sigma, type Timestep, withoutRepeats } from './numbers.ts';

/** The noise levels of a run. `timesteps[i]`, where given, is what the network is told at `sigmas[i]`. */
export interface Schedule {
  readonly sigmas: readonly Sigma[];
  readonly timesteps?: readonly Timestep[];
}

export interface ScheduleSettings {
  /** Smallest noise level; the table's when left out. */
  readonly sigmaMin?: number;
  /** Largest noise level; the table's when left out. */
  readonly sigmaMax?: number;
  /** Curvature of Karras (7) and Polyexponential (1). */
  readonly rho?: number;
  /** Shape of Beta (0.6, 0.6). */
  readonly betaShape?: readonly [alpha: number, beta: number];
  /** Table of Align Your Steps; a family brings its own. Stable Diffusion 1's when left out. */
  readonly alignYourSteps?: readonly number[];
}

export interface SchedulerRow extends Named {
  /** Settings that act on it. */
  readonly reads: readonly Exclude<keyof ScheduleSettings, 'alignYourSteps'>[];
  sigmas(steps: number, table: NoiseTable, settings: ScheduleSettings): number[];
}

export const alignYourStepsSd1: readonly number[] = [
  14.615, 6.475, 3.861, 2.697, 1.886, 1.396, 0.963, 0.652, 0.399, 0.152, 0.029,
];
export const alignYourStepsSdxl: readonly number[] = [
  14.615, 6.315, 3.771, 2.181, 1.342, 0.862, 0.555, 0.38, 0.234, 0.113, 0.029,
];

/** Smallest and largest noise level of a schedule. */
function ends(table: NoiseTable, settings: ScheduleSettings): [min: number, max: number] {
  return [settings.sigmaMin ?? table.sigmas[0]!, settings.sigmaMax ?? table.sigmas[table.sigmas.length - 1]!];
}

/** Karras et al.: n values from `max` to `min`, evenly spaced in sigma^(1/rho). No final 0. */
export function karrasSigmas(n: number, min: number, max: number, rho = 7): number[] {
  const low = min ** (1 / rho);
  const high = max ** (1 / rho);
  return linspace(0, 1, n).map((ramp) => (high + ramp * (low - high)) ** rho);
}

function uniform(n: number, table: NoiseTable): number[] {
  return [...linspace(table.sigmas.length - 1, 0, n).map((t) => table.sigmaAt(t)), 0];
}

function karras(n: number, table: NoiseTable, settings: ScheduleSettings): number[] {
  return [...karrasSigmas(n, ...ends(table, settings), settings.rho ?? 7), 0];
}

function exponential(n: number, table: NoiseTable, settings: ScheduleSettings): number[] {
  const [min, max] = ends(table, settings);
  return [...linspace(Math.log(max), Math.log(min), n).map(Math.exp), 0];
}

function polyexponential(n: number, table: NoiseTable, settings: ScheduleSettings): number[] {
  const [min, max] = ends(table, settings).map(Math.log) as [number, number];
  const rho = settings.rho ?? 1;
  return [...linspace(1, 0, n).map((ramp) => Math.exp(ramp ** rho * (max - min) + min)), 0];
}

function normal(n: number, table: NoiseTable, settings: ScheduleSettings): number[] {
  const [min, max] = ends(table, settings);
  return [...linspace(table.timestepAt(max), table.timestepAt(min), n).map((t) => table.sigmaAt(t)), 0];
}

function sgmUniform(n: number, table: NoiseTable, settings: ScheduleSettings): number[] {
  const [min, max] = ends(table, settings);
  const timesteps = linspace(table.timestepAt(max), table.timestepAt(min), n + 1).slice(0, -1);
  return [...timesteps.map((t) => table.sigmaAt(t)), 0];
}

/** A1111's reading: `count` divisions give one value more, and the last is sigma_min, not 0. */
function klOptimalSigmas(divisions: number, count: number, min: number, max: number): number[] {
  return Array.from({ length: count }, (_, i) => {
    const ramp = divisions === 0 ? 0 : i / divisions;
    return Math.tan(ramp * Math.atan(min) + (1 - ramp) * Math.atan(max));
  });
}

function simple(n: number, { sigmas }: NoiseTable): number[] {
  const stride = sigmas.length / n;
  return [...Array.from({ length: n }, (_, i) => sigmas[sigmas.length - 1 - Math.floor(i * stride)]!), 0];
}

/** Every (count / n)-th table entry from 1 on; where n does not divide the count there can be one entry more. */
function ddim(n: number, { sigmas }: NoiseTable): number[] {
  const stride = Math.max(Math.floor(sigmas.length / n), 1);
  const ascending = [0];
  for (let i = 1; i < sigmas.length; i += stride) ascending.push(sigmas[i]!);
  return ascending.reverse();
}

function beta(n: number, table: NoiseTable, settings: ScheduleSettings): number[] {
  const [min, max] = ends(table, settings);
  const [a, b] = settings.betaShape ?? [0.6, 0.6];
  return [...linspace(1, 0, n).map((p) => min + betaQuantile(p, a, b) * (max - min)), 0];
}

/** Beta quantiles as positions on the table; repeated positions are dropped. */
function betaTimesteps(n: number, { sigmas }: NoiseTable, settings: ScheduleSettings): number[] {
  const [a, b] = settings.betaShape ?? [0.6, 0.6];
  const last = sigmas.length - 1;
  const positions = Array.from({ length: n }, (_, i) => roundHalfEven(betaQuantile(1 - i / n, a, b) * last));
  return [...withoutRepeats(positions).map((t) => sigmas[t]!), 0];
}

/** The tabulated eleven, or as many values interpolated linearly in ln sigma. */
function alignYourSteps(n: number, _table: NoiseTable, settings: ScheduleSettings): number[] {
  const known = settings.alignYourSteps ?? alignYourStepsSd1;
  if (n === known.length) return [...known, 0];
  const ascending = known.map(Math.log).reverse();
  const values = linspace(0, ascending.length - 1, n).map((position) => {
    const low = Math.min(Math.floor(position), ascending.length - 2);
    const weight = position - low;
    return Math.exp((1 - weight) * ascending[low]! + weight * ascending[low + 1]!);
  });
  return [...values.reverse(), 0];
}

/** A straight beginning, up to `threshold` of the way in half the steps, then a parabola to 0 with the same slope. */
function linearQuadratic(n: number, table: NoiseTable, settings: ScheduleSettings): number[] {
  const [, max] = ends(table, settings);
  if (n === 1) return [max, 0];
  const threshold = 0.025;
  const linear = Math.floor(n / 2);
  const slope = threshold / linear;
  const bend = (linear - threshold * n) / (linear * (n - linear) ** 2);
  const level = (i: number) => max * (1 - slope * i - bend * Math.max(i - linear, 0) ** 2);
  return [...Array.from({ length: n }, (_, i) => level(i)), 0];
}

const bothEnds = ['sigmaMin', 'sigmaMax'] as const;

/** A1111's `Automatic`: the sampler's own schedule, or Uniform; `planSampling` resolves it. */
export const automaticScheduler: SchedulerRow = {
  name: 'Automatic',
  aliases: ['automatic'],
  reads: [],
  sigmas: uniform,
};

/** Every schedule, in the order in which they are offered. */
export const schedulers: readonly SchedulerRow[] = [
  automaticScheduler,
  { name: 'Uniform', aliases: ['uniform'], reads: [], sigmas: uniform },
  { name: 'Karras', aliases: ['karras'], reads: [...bothEnds, 'rho'], sigmas: karras },
  { name: 'Exponential', aliases: ['exponential'], reads: bothEnds, sigmas: exponential },
  { name: 'Polyexponential', aliases: ['polyexponential'], reads: [...bothEnds, 'rho'], sigmas: polyexponential },
  { name: 'SGM Uniform', aliases: ['sgm_uniform', 'SGMUniform'], reads: bothEnds, sigmas: sgmUniform },
  {
    name: 'KL Optimal',
    aliases: ['kl_optimal'],
    reads: bothEnds,
    sigmas: (n, table, settings) => klOptimalSigmas(n, n + 1, ...ends(table, settings)),
  },
  { name: 'Align Your Steps', aliases: ['align_your_steps', 'AYS'], reads: [], sigmas: alignYourSteps },
  { name: 'Simple', aliases: ['simple'], reads: [], sigmas: simple },
  { name: 'Normal', aliases: ['normal'], reads: bothEnds, sigmas: normal },
  { name: 'DDIM', aliases: ['ddim', 'ddim_uniform'], reads: [], sigmas: ddim },
  { name: 'Beta', aliases: ['beta'], reads: [...bothEnds, 'betaShape'], sigmas: beta },
  {
    name: 'KL Optimal ComfyUI',
    aliases: ['kl_optimal_comfyui'],
    reads: bothEnds,
    sigmas: (n, table, settings) => [...klOptimalSigmas(n - 1, n, ...ends(table, settings)), 0],
  },
  {
    name: 'Beta ComfyUI',
    aliases: ['beta_timesteps_comfyui', 'beta_timesteps'],
    reads: ['betaShape'],
    sigmas: betaTimesteps,
  },
  {
    name: 'Linear Quadratic',
    aliases: ['linear_quadratic', 'linear_quadratic_comfyui'],
    reads: ['sigmaMax'],
    sigmas: linearQuadratic,
  },
];

/** @throws UnknownNameError naming the nearest schedules. */
export function findScheduler(name: string): SchedulerRow {
  return findNamed('scheduler', schedulers, name);
}

/**
 * The noise levels of `steps` steps on a model's table.
 * @throws UserError when `steps` is not a whole number from 1.
 */
export function scheduleSigmas(
  scheduler: SchedulerRow,
  steps: number,
  table: NoiseTable,
  settings: ScheduleSettings = {},
): readonly Sigma[] {
  checkSteps(steps);
  return asSigmas(scheduler.sigmas(steps, table, settings));
}
