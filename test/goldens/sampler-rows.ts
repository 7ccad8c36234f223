/** Checks of numeric/samplers.json: trajectories of every sampler on two analytic denoisers, in float64. */

import { alphaBarOfSigma, stableDiffusionTable } from '#diffusion/noise-table';
import { asSigma, type Latent } from '#diffusion/numbers';
import type { Denoise } from '#diffusion/parameterization';
import { findSampler, type SamplerRow } from '#diffusion/samplers/index';
import { restartIntervals } from '#diffusion/samplers/restart';
import type { SamplerSettings, SamplerStep } from '#diffusion/samplers/sampler';
import { karrasSigmas, type Schedule } from '#diffusion/schedules';
import { scheduleOfTimesteps, timestepLookup, webuiTimestepSchedule } from '#diffusion/timesteps';
import { flatNumbers, type GoldenNumber, type RowCheck, relativeError } from './row-check.ts';

interface SamplerGoldenRow {
  readonly sampler: string;
  readonly function: string;
  readonly denoiser: 'gauss' | 'mix';
  readonly n: number;
  readonly params: Readonly<Record<string, unknown>>;
  readonly space: 'sigma' | 'vp';
  readonly x0: 'x_sigma' | 'x_unit';
  readonly sigmas?: string;
  readonly timesteps?: readonly number[];
  readonly model_timesteps?: readonly number[];
  readonly model_sigmas?: readonly number[];
  readonly trajectory?: readonly GoldenNumber[][];
  readonly trajectory_final?: readonly number[];
  readonly steps?: readonly [number, number][];
  readonly step_inputs?: readonly number[][];
  readonly iterations?: readonly {
    x: number[];
    sigma: number;
    error: number;
    h_next: number;
    n_accept: number;
    n_reject: number;
  }[];
  readonly info?: {
    readonly steps: number;
    readonly nfe: number;
    readonly n_accept: number;
    readonly n_reject: number;
  };
  readonly noise_rows?: number;
}

export interface SamplersFile {
  readonly mixture: { readonly weights: number[]; readonly means: number[]; readonly stds: number[] };
  readonly gauss_S: number;
  readonly x_unit: number[];
  readonly x_sigma: number[];
  readonly noise: readonly number[][];
  readonly sigma_lists: Readonly<Record<string, number[]>>;
  readonly runs: readonly SamplerGoldenRow[];
}

const tolerance = 1e-6;

export async function* checkSamplers(file: SamplersFile): AsyncGenerator<RowCheck> {
  for (const row of file.runs) yield* checkRun(file, row);
}

/** Golden `function` -> registry name; the two LCM and UniPC variants are told apart by their rows. */
function samplerOf(row: SamplerGoldenRow): SamplerRow {
  const name = row.function.split(' ')[0]!;
  if (name === 'lcm') return findSampler(row.space === 'sigma' ? 'LCM' : 'LCM diffusers');
  return findSampler(name === 'dpm_2' || name.startsWith('dpm') ? name : name.replaceAll('_', ' '));
}

const renamed: Readonly<Record<string, keyof SamplerSettings>> = {
  eta: 'eta',
  s_churn: 'sChurn',
  s_tmin: 'sTmin',
  s_tmax: 'sTmax',
  s_noise: 'sNoise',
  solver_type: 'solver',
  order: 'order',
  solver: 'variant',
  uni_pc_variant: 'variant',
  uni_pc_order: 'order',
  rtol: 'relativeTolerance',
  atol: 'absoluteTolerance',
  h_init: 'firstLength',
  pcoeff: 'proportional',
  icoeff: 'integral',
  dcoeff: 'derivative',
  accept_safety: 'acceptSafety',
};

function settingsOf(params: Readonly<Record<string, unknown>>): SamplerSettings {
  const flat = { ...params, ...(params.opts as object | undefined) };
  const entries = Object.entries(flat).flatMap(([key, value]) => (renamed[key] ? [[renamed[key], value]] : []));
  return Object.fromEntries(entries) as SamplerSettings;
}

function scheduleOf(file: SamplersFile, row: SamplerGoldenRow, sampler: SamplerRow): Schedule {
  const table = stableDiffusionTable();
  const { params } = row;
  if (row.sigmas) return { sigmas: file.sigma_lists[row.sigmas]!.map(asSigma) };
  if (row.space === 'sigma') {
    const ends = karrasSigmas(Number(params.nfe ?? 2), Number(params.sigma_min), Number(params.sigma_max));
    return { sigmas: [...ends, 0].map(asSigma) };
  }
  if (row.sampler.startsWith('a1111')) {
    return sampler.name === 'UniPC' ? sampler.grid!(row.n, table) : webuiTimestepSchedule(row.n, table);
  }
  const timesteps = row.timesteps!.filter((t, i) => t !== row.timesteps![i - 1]);
  if (sampler.name === 'UniPC') {
    return scheduleOfTimesteps(timesteps, table, params.final === 'zero' ? 'zero' : 'first');
  }
  const final = ['DDIM', 'PLMS', 'TCD'].includes(sampler.name) ? 'first' : 'zero';
  return scheduleOfTimesteps(timesteps, table, final);
}

interface Recorded {
  readonly steps: SamplerStep[];
  readonly calls: { readonly x: Latent; readonly sigma: number }[];
  readonly draws: number;
}

async function record(file: SamplersFile, row: SamplerGoldenRow, sampler: SamplerRow, schedule: Schedule) {
  const analytic = analyticDenoiser(file, row.denoiser);
  const calls: { x: Latent; sigma: number }[] = [];
  let draws = 0;
  const run = sampler.run({
    denoise: (x, sigma) => {
      calls.push({ x: x.slice(), sigma });
      return analytic(x, sigma);
    },
    x: Float64Array.from(file[row.x0]),
    schedule,
    table: stableDiffusionTable(),
    noise: () => Float64Array.from(file.noise[draws++]!),
    settings: settingsOf(row.params),
  });
  const steps: SamplerStep[] = [];
  for await (const step of run) steps.push({ ...step, x: step.x.slice() });
  return { steps, calls, draws } satisfies Recorded;
}

/** The golden rows' own denoisers; see `about` in the file. */
function analyticDenoiser(file: SamplersFile, kind: 'gauss' | 'mix'): Denoise {
  const { weights, means, stds } = file.mixture;
  const gauss = (x: number, s: number) => (x * file.gauss_S ** 2) / (file.gauss_S ** 2 + s * s);
  const mix = (x: number, s: number) => {
    const variances = stds.map((d) => d * d + s * s);
    const logs = means.map(
      (m, k) => Math.log(weights[k]!) - Math.log(variances[k]!) / 2 - (x - m) ** 2 / (2 * variances[k]!),
    );
    const largest = Math.max(...logs);
    const parts = logs.map((log) => Math.exp(log - largest));
    const total = parts.reduce((a, b) => a + b, 0);
    return parts.reduce(
      (sum, r, k) => sum + ((r / total) * (x * stds[k]! ** 2 + means[k]! * s * s)) / variances[k]!,
      0,
    );
  };
  const denoise = kind === 'gauss' ? gauss : mix;
  return async (x, sigma) => x.map((value) => denoise(value, sigma));
}

async function* checkRun(file: SamplersFile, row: SamplerGoldenRow): AsyncGenerator<RowCheck> {
  const name = `runs/${row.sampler}/${row.denoiser}/${row.n}`;
  const sampler = samplerOf(row);
  const schedule = scheduleOf(file, row, sampler);
  const recorded = await record(file, row, sampler, schedule);
  const check = (part: string, got: ArrayLike<number>, expected: ArrayLike<number>): RowCheck => ({
    name: `${name}/${part}`,
    error: relativeError(got, expected),
    tolerance,
  });
  const final = recorded.steps.at(-1)?.x ?? [];
  if (row.trajectory) {
    const got = trajectoryLike(row, recorded);
    yield check('length', [got.length], [row.trajectory.length]);
    for (const [i, expected] of row.trajectory.entries()) {
      const state = got[i] ?? [];
      // diffusers' bh1 multiplies infinity by 0 in a last step to sigma 0; the limit, its last estimate, is finite.
      const numbers = flatNumbers(expected);
      const limit = numbers.some(Number.isNaN) ? (recorded.steps.at(-1)?.denoised ?? []) : numbers;
      yield check(`trajectory/${i}`, state, limit);
    }
  }
  if (row.trajectory_final) yield check('final', final, row.trajectory_final);
  if (row.model_sigmas)
    yield check(
      'model_sigmas',
      recorded.calls.map((call) => call.sigma),
      row.model_sigmas,
    );
  if (row.model_timesteps) {
    const timestepOf = timestepLookup(schedule, stableDiffusionTable());
    yield check(
      'model_timesteps',
      recorded.calls.map(({ sigma }) => timestepOf(asSigma(sigma))),
      row.model_timesteps,
    );
  }
  if (row.steps) yield check('steps', restartIntervals(schedule.sigmas).flat(), row.steps.flat());
  if (row.step_inputs) yield check('step_inputs', stepInputs(row, recorded), row.step_inputs.flat());
  yield* adaptiveChecks(row, recorded, check);
  // Noise that cannot act is not drawn here: without churn, and at eta 0.
  if (recorded.draws > 0 && row.noise_rows !== undefined) {
    yield check('noise_rows', [recorded.draws], [drawnRows(row, row.noise_rows)]);
  }
}

/** The states in the golden's sense: diffusers' UniPC lists predictor outputs, its PLMS the provisional first step too. */
function trajectoryLike(row: SamplerGoldenRow, { steps, calls }: Recorded): ArrayLike<number>[] {
  const states = steps.map((step) => step.x);
  const toVp = ({ x, sigma }: { x: Latent; sigma: number }) =>
    x.map((value) => value * Math.sqrt(alphaBarOfSigma(sigma)));
  if (row.sampler.startsWith('unipc')) return [...calls.slice(1).map(toVp), states.at(-1)!];
  if (row.sampler === 'plms') return [toVp(calls[1]!), ...states];
  return states;
}

/** States entering each Heun step: the input of its first evaluation. */
function stepInputs(row: SamplerGoldenRow, { calls }: Recorded): number[] {
  let call = 0;
  return row.steps!.flatMap(([, to]) => {
    const { x } = calls[call]!;
    call += to > 0 ? 2 : 1;
    return [...x];
  });
}

function* adaptiveChecks(
  row: SamplerGoldenRow,
  { steps, calls }: Recorded,
  check: (part: string, got: ArrayLike<number>, expected: ArrayLike<number>) => RowCheck,
): Generator<RowCheck> {
  for (const [i, expected] of row.iterations?.entries() ?? []) {
    const step = steps[i];
    yield check(`iterations/${i}/x`, step?.x ?? [], expected.x);
    const { trial } = step ?? {};
    const got = [step?.sigma ?? 0, trial?.nextLength ?? 0, trial?.accepted ?? 0, trial?.rejected ?? 0];
    yield check(`iterations/${i}/control`, got, [
      expected.sigma,
      expected.h_next,
      expected.n_accept,
      expected.n_reject,
    ]);
    // The smallest errors are differences of nearly equal numbers.
    yield { ...check(`iterations/${i}/error`, [trial?.error ?? 0], [expected.error]), tolerance: 1e-4 };
  }
  if (row.info) {
    const trial = steps.at(-1)?.trial;
    const got = [steps.length, calls.length, trial?.accepted ?? 0, trial?.rejected ?? 0];
    yield check('info', got, [row.info.steps, row.info.nfe, row.info.n_accept, row.info.n_reject]);
  }
}

/** The last step of DPM fast ends at the end exactly, so that its noise has no weight and is not drawn here. */
function drawnRows(row: SamplerGoldenRow, rows: number): number {
  return row.sampler.startsWith('dpm_fast') ? rows - 1 : rows;
}
