/**
 * Schedules that are lists of training timesteps: diffusers' spacings, the web UI's DDIM, PLMS, UniPC and LCM grids.
 *
 * Sources: diffusers schedulers/scheduling_{ddim,ddpm,euler_discrete,unipc_multistep,lcm}.py; A1111
 * modules/sd_samplers_timesteps.py, modules/models/diffusion/uni_pc, modules/sd_samplers_lcm.py.
 * Left out: PNDM's Runge-Kutta warm-up, which no shipped configuration uses.
 */

import { alphaBarOfSigma, type NoiseTable, nearestTimestep, sigmaOfAlphaBar, tableOfSigmas } from './noise-table.ts';
import {
  asSigma,
  asSigmas,
  asTimesteps,
  checkSteps,
  linspace,
  roundHalfEven,
  type Sigma,
  type Timestep,
  withoutRepeats,
} from './numbers.ts';
import type { Schedule } from './schedules.ts';

/** `training` is the length of the training table, 1000 wherever it is left out. */
const trainingSteps = 1000;

/** Every floor(training / n)-th timestep from `offset` on, descending. Stable Diffusion 1 and 2 use offset 1. */
export function leadingTimesteps(n: number, offset = 1, training = trainingSteps): number[] {
  checkSteps(n, training);
  const stride = Math.floor(training / n);
  return Array.from({ length: n }, (_, i) => (n - 1 - i) * stride + offset);
}

/** From the last timestep down in equal strides; the only spacing that reaches the last for every n. */
export function trailingTimesteps(n: number, training = trainingSteps): number[] {
  checkSteps(n, training);
  return Array.from({ length: n }, (_, i) => roundHalfEven(training - i * (training / n)) - 1);
}

/** Both ends included; `round` false leaves fractions, as the Euler scheduler does. */
export function linspaceTimesteps(n: number, round: boolean, training = trainingSteps): number[] {
  checkSteps(n, training);
  const ascending = linspace(0, training - 1, n);
  const values = n === 1 && !round ? [training - 1] : ascending.reverse();
  return round ? values.map(roundHalfEven) : values;
}

/** UniPC and the DPM-Solver multistep family: n + 1 values over the table, without timestep 0 and repeats. */
export function multistepTimesteps(n: number, training = trainingSteps): number[] {
  checkSteps(n, training);
  return withoutRepeats(
    linspace(0, training - 1, n + 1)
      .map(roundHalfEven)
      .reverse()
      .slice(0, -1),
  );
}

/** LCM and TCD: n of the `original` timesteps that the model was distilled on. */
export function lcmTimesteps(n: number, original = 50, training = trainingSteps): number[] {
  checkSteps(n, original);
  const stride = Math.floor(training / original);
  return Array.from({ length: n }, (_, i) => (original - Math.floor((i * original) / n)) * stride - 1);
}

/** The web UI's ascending list for DDIM and PLMS; where n does not divide 1000 it holds more than n values. */
export function webuiTimesteps(n: number, training = trainingSteps): number[] {
  checkSteps(n, training);
  const stride = Math.floor(training / n);
  const count = Math.ceil(training / stride);
  return Array.from({ length: count }, (_, i) => Math.min(i * stride + 1, training - 1));
}

/** Where a run over timesteps ends: at the table's first entry (`set_alpha_to_one: false`) or noise-free. */
export type FinalSigma = 'first' | 'zero';

/** A schedule from descending timesteps; fractional ones take sigma as `interpolation` says. */
export function scheduleOfTimesteps(
  timesteps: readonly number[],
  table: NoiseTable,
  final: FinalSigma = 'zero',
  interpolation: 'sigma' | 'log-sigma' = 'log-sigma',
): Schedule {
  const sigmaAt = interpolation === 'sigma' ? (t: number) => linearSigmaAt(table, t) : table.sigmaAt;
  const last = final === 'zero' ? 0 : table.sigmas[0]!;
  return { sigmas: asSigmas([...timesteps.map(sigmaAt), last]), timesteps: asTimesteps(timesteps) };
}

function linearSigmaAt({ sigmas }: NoiseTable, timestep: number): number {
  const low = Math.min(Math.floor(timestep), sigmas.length - 1);
  const high = Math.min(low + 1, sigmas.length - 1);
  return sigmas[low]! + (timestep - low) * (sigmas[high]! - sigmas[low]!);
}

type TimestepSpacing = 'leading' | 'trailing' | 'linspace';

export interface DiffusersSettings {
  readonly spacing: TimestepSpacing;
  /** `steps_offset` of leading spacing; 1 when left out. */
  readonly offset?: number;
}

function spacedTimesteps(n: number, { spacing, offset }: DiffusersSettings, round: boolean, training: number) {
  if (spacing === 'leading') return leadingTimesteps(n, offset ?? 1, training);
  return spacing === 'trailing' ? trailingTimesteps(n, training) : linspaceTimesteps(n, round, training);
}

/** diffusers' DDIMScheduler: whole timesteps, ending at the table's first entry (or at 0, `set_alpha_to_one`). */
export function diffusersDdimSchedule(
  n: number,
  table: NoiseTable,
  settings: DiffusersSettings & { readonly final?: FinalSigma } = { spacing: 'leading' },
): Schedule {
  const timesteps = spacedTimesteps(n, settings, true, table.sigmas.length);
  return scheduleOfTimesteps(timesteps, table, settings.final ?? 'first');
}

/**
 * diffusers' EulerDiscreteScheduler: sigma linear between timesteps, which linspace leaves fractional; ends at 0.
 * @internal An oracle of tests.
 */
export function diffusersEulerSchedule(n: number, table: NoiseTable, settings: DiffusersSettings): Schedule {
  return scheduleOfTimesteps(spacedTimesteps(n, settings, false, table.sigmas.length), table, 'zero', 'sigma');
}

/**
 * `sigmas` with the whole timestep nearest to each, as diffusers runs Karras and other lists of sigmas.
 * @internal An oracle of tests.
 */
export function withRoundedTimesteps(sigmas: readonly Sigma[], table: NoiseTable): Schedule {
  const positive = sigmas.filter((sigma) => sigma > 0);
  return { sigmas, timesteps: positive.map((sigma) => nearestTimestep(table, sigma)) };
}

/** The web UI's DDIM and PLMS: its timesteps from the end; stops at the first, so that it takes one step fewer. */
export function webuiTimestepSchedule(n: number, table: NoiseTable): Schedule {
  // Its list for one step leaves no step to take; the smallest noise level is then the end.
  if (n === 1) return diffusersDdimSchedule(1, table, { spacing: 'trailing' });
  const timesteps = webuiTimesteps(n, table.sigmas.length).reverse();
  return { sigmas: asSigmas(timesteps.map((t) => table.sigmaAt(t))), timesteps: asTimesteps(timesteps) };
}

export interface UnipcGrid {
  /** Continuous time at which it begins, 1 for the whole of it. */
  readonly from?: number;
  readonly skipType?: 'time_uniform' | 'time_quadratic' | 'logSNR' | undefined;
}

/**
 * The web UI's UniPC grid: continuous time u from `from` to 1/N in n steps that are equal in time, in its square root or
 * in ln sigma; ln alpha-bar linear between table entries at u = (t + 1) / N.
 */
export function webuiUnipcSchedule(
  n: number,
  table: NoiseTable,
  { from = 1, skipType = 'time_uniform' }: UnipcGrid = {},
): Schedule {
  checkSteps(n);
  const count = table.sigmas.length;
  const logAlphaBarAt = (t: number) => Math.log(alphaBarOfSigma(table.sigmas[Math.min(t, count - 1)]!));
  const logAlphaBar = (u: number): number => {
    const t = Math.max(u * count - 1, 0);
    const low = Math.floor(t);
    return (1 - (t - low)) * logAlphaBarAt(low) + (t - low) * logAlphaBarAt(low + 1);
  };
  const sigmaAt = (u: number): Sigma => sigmaOfAlphaBar(Math.exp(logAlphaBar(u)));
  const times = unipcTimes(n, [from, 1 / count], skipType, sigmaAt);
  return { sigmas: times.map(sigmaAt), timesteps: asTimesteps(times.map((u) => Math.max(u * count - 1, 0))) };
}

function unipcTimes(
  n: number,
  [from, to]: readonly [number, number],
  skipType: NonNullable<UnipcGrid['skipType']>,
  sigmaAt: (u: number) => number,
): number[] {
  if (skipType === 'time_uniform') return linspace(from, to, n + 1);
  if (skipType === 'time_quadratic') return linspace(Math.sqrt(from), Math.sqrt(to), n + 1).map((root) => root ** 2);
  const levels = linspace(Math.log(sigmaAt(from)), Math.log(sigmaAt(to)), n + 1);
  return levels.map((level, i) =>
    i === 0 ? from : i === n ? to : bisected(level, to, from, (u) => Math.log(sigmaAt(u))),
  );
}

/** Where an increasing function reaches a value. */
function bisected(value: number, low: number, high: number, of: (at: number) => number): number {
  let [a, b] = [low, high];
  for (let i = 0; i < 60; i++) {
    const middle = (a + b) / 2;
    if (of(middle) < value) a = middle;
    else b = middle;
  }
  return (a + b) / 2;
}

/** The web UI's LCM: Uniform over the 50 distilled timesteps; the network sees the nearest of them. */
export function webuiLcmSchedule(n: number, table: NoiseTable, original = 50): Schedule {
  checkSteps(n);
  const stride = Math.floor(table.sigmas.length / original);
  const distilled = Float64Array.from({ length: original }, (_, i) => table.sigmas[(i + 1) * stride - 1]!);
  const coarse = tableOfSigmas(distilled);
  const sigmas = linspace(original - 1, 0, n).map((t) => coarse.sigmaAt(t));
  const timesteps = sigmas.map((sigma) => (nearestTimestep(coarse, sigma) + 1) * stride - 1);
  return { sigmas: [...sigmas, asSigma(0)], timesteps: asTimesteps(timesteps) };
}

/** What the network is told at `sigma`: the schedule's own timestep where it has one, else the table's. */
export function timestepLookup(schedule: Schedule, table: NoiseTable): (sigma: Sigma) => Timestep {
  const known = new Map(schedule.timesteps?.map((t, i) => [schedule.sigmas[i], t]));
  return (sigma) => known.get(sigma) ?? table.timestepAt(sigma);
}
