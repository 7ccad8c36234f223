/** Checks of numeric/schedules.json: noise tables, sigma <-> t, sigma lists, timestep lists. */

import {
  alphasCumprod,
  cosineBetas,
  discreteTable,
  linearBetas,
  type NoiseTable,
  nearestTimestep,
  scaledLinearBetas,
  sigmaOfAlphaBar,
  smallestAlphaBar,
  tableOfSigmas,
  zeroTerminalSnr,
} from '#diffusion/noise-table';
import { asSigma, asTimestep } from '#diffusion/numbers';
import { edmPreconditioning } from '#diffusion/parameterization';
import {
  alignYourStepsSd1,
  alignYourStepsSdxl,
  findScheduler,
  karrasSigmas,
  type ScheduleSettings,
  scheduleSigmas,
} from '#diffusion/schedules';
import {
  diffusersEulerSchedule,
  lcmTimesteps,
  leadingTimesteps,
  linspaceTimesteps,
  multistepTimesteps,
  trailingTimesteps,
  webuiLcmSchedule,
  webuiTimesteps,
} from '#diffusion/timesteps';
import { flatNumbers, type RowCheck, relativeError } from './row-check.ts';

type Sparse = Readonly<Record<string, number>>;

export interface SchedulesFile {
  readonly sd1_table: { readonly betas: Sparse; readonly alphas_cumprod: Sparse; readonly sigmas: Sparse } & Record<
    'sum_betas' | 'sum_alphas_cumprod' | 'sum_sigmas',
    number
  >;
  readonly t_to_sigma: readonly { t: number; sigma: number; reference_f32: number }[];
  readonly sigma_to_t: readonly { sigma: number; t: number; reference_f32: number; t_quantized: number }[];
  readonly sigma_lists: readonly { n: number; schedule: string; f64: number[]; reference_f32?: number[] }[];
  readonly timesteps: readonly ({ n: number } & Record<string, number[] | number>)[];
  readonly other_sigmas: readonly ({ n: number } & Record<string, number[] | number>)[];
  readonly zero_terminal_snr: Record<'alphas_cumprod' | 'betas' | 'a1111_sigmas', Sparse> &
    Record<'a1111_alphas_cumprod_last' | 'a1111_sigma_max', number>;
  readonly cosine: Record<'betas' | 'alphas_cumprod', Sparse>;
  readonly linear_ddpm: Record<'betas' | 'alphas_cumprod', Sparse>;
  readonly edm: { readonly preconditioning: readonly Record<string, number>[] };
}

const tolerance64 = 1e-6;
const tolerance32 = 1e-4;

export function* checkSchedules(file: SchedulesFile): Generator<RowCheck> {
  const betas = scaledLinearBetas();
  const alphaBars = alphasCumprod(betas);
  const table = discreteTable(alphaBars);
  const { sd1_table: sd1 } = file;
  yield* sparse('sd1_table/betas', betas, sd1.betas);
  yield* sparse('sd1_table/alphas_cumprod', alphaBars, sd1.alphas_cumprod);
  yield* sparse('sd1_table/sigmas', table.sigmas, sd1.sigmas);
  yield single('sd1_table/sum_betas', sum(betas), sd1.sum_betas);
  yield single('sd1_table/sum_alphas_cumprod', sum(alphaBars), sd1.sum_alphas_cumprod);
  yield single('sd1_table/sum_sigmas', sum(table.sigmas), sd1.sum_sigmas);
  yield* otherTables(file, alphaBars);
  yield* conversions(file, table);
  for (const row of file.sigma_lists) yield* sigmaListChecks(row, table);
  for (const { n, ...lists } of file.timesteps) {
    for (const [name, list] of Object.entries(lists)) {
      yield compare(`timesteps/${name}/${n}`, timestepList(name, n), list as number[], tolerance64);
    }
  }
  for (const { n, ...lists } of file.other_sigmas) {
    for (const [name, list] of Object.entries(lists)) {
      const tolerance = name.endsWith('_f32') || name === 'flow_shift3_diffusers' ? tolerance32 : tolerance64;
      yield compare(`other_sigmas/${name}/${n}`, otherSigmas(name, n, table), flatNumbers(list), tolerance);
    }
  }
}

function compare(name: string, got: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number): RowCheck {
  return { name, error: relativeError(got, expected), tolerance };
}

function single(name: string, got: number, expected: number, tolerance = tolerance64): RowCheck {
  return compare(name, [got], [expected], tolerance);
}

function* sparse(name: string, got: Float64Array, expected: Sparse): Generator<RowCheck> {
  for (const [index, value] of Object.entries(expected)) yield single(`${name}/${index}`, got[Number(index)]!, value);
}

function sum(values: Float64Array): number {
  return values.reduce((total, v) => total + v, 0);
}

function* otherTables(file: SchedulesFile, alphaBars: Float64Array): Generator<RowCheck> {
  const rescaled = zeroTerminalSnr(alphaBars);
  const { zero_terminal_snr: expected } = file;
  yield* sparse('zero_terminal_snr/alphas_cumprod', rescaled, expected.alphas_cumprod);
  const betas = rescaled.map((alphaBar, i) => 1 - alphaBar / (i === 0 ? 1 : rescaled[i - 1]!));
  yield* sparse('zero_terminal_snr/betas', betas, expected.betas);
  yield* sparse('zero_terminal_snr/a1111_sigmas', discreteTable(rescaled).sigmas, expected.a1111_sigmas);
  yield single('zero_terminal_snr/last', smallestAlphaBar, expected.a1111_alphas_cumprod_last);
  yield single('zero_terminal_snr/sigma_max', sigmaOfAlphaBar(smallestAlphaBar), expected.a1111_sigma_max);
  yield* sparse('cosine/betas', cosineBetas(), file.cosine.betas);
  yield* sparse('cosine/alphas_cumprod', alphasCumprod(cosineBetas()), file.cosine.alphas_cumprod);
  yield* sparse('linear_ddpm/betas', linearBetas(), file.linear_ddpm.betas);
  yield* sparse('linear_ddpm/alphas_cumprod', alphasCumprod(linearBetas()), file.linear_ddpm.alphas_cumprod);
  for (const [i, row] of file.edm.preconditioning.entries()) {
    const got = edmPreconditioning(row.sigma!, row.sigma_data);
    yield single(`edm/${i}/c_skip`, got.skip, row.c_skip!);
    yield single(`edm/${i}/c_out`, got.out, row.c_out!);
    yield single(`edm/${i}/c_in`, got.input, row.c_in!);
    yield single(`edm/${i}/c_noise`, got.noise, row.c_noise!);
    yield single(`edm/${i}/loss_weight`, got.lossWeight, row.loss_weight!);
  }
}

function* conversions(file: SchedulesFile, table: NoiseTable): Generator<RowCheck> {
  for (const { t, sigma, reference_f32 } of file.t_to_sigma) {
    yield single(`t_to_sigma/${t}`, table.sigmaAt(t), sigma);
    yield single(`t_to_sigma/${t}/f32`, table.sigmaAt(t), reference_f32, tolerance32);
  }
  for (const { sigma, t, t_quantized } of file.sigma_to_t) {
    // A timestep is a position on 0..999: its error is measured on that scale.
    yield { name: `sigma_to_t/${sigma}`, error: Math.abs(table.timestepAt(sigma) - t) / 999, tolerance: tolerance64 };
    yield single(`sigma_to_t/${sigma}/quantized`, nearestTimestep(table, sigma), t_quantized, 0);
  }
}

const listNames: Readonly<Record<string, readonly [scheduler: string, settings?: ScheduleSettings]>> = {
  align_your_steps_sd1: ['Align Your Steps', { alignYourSteps: alignYourStepsSd1 }],
  align_your_steps_sdxl: ['Align Your Steps', { alignYourSteps: alignYourStepsSdxl }],
  polyexponential_rho1: ['Polyexponential', { rho: 1 }],
  polyexponential_rho2: ['Polyexponential', { rho: 2 }],
};

function* sigmaListChecks(row: SchedulesFile['sigma_lists'][number], table: NoiseTable): Generator<RowCheck> {
  const [scheduler, settings] = listNames[row.schedule] ?? [row.schedule];
  const got = scheduleSigmas(findScheduler(scheduler), row.n, table, settings);
  yield compare(`sigma_lists/${row.schedule}/${row.n}`, got, flatNumbers(row.f64), tolerance64);
  if (row.reference_f32) {
    yield compare(`sigma_lists/${row.schedule}/${row.n}/f32`, got, flatNumbers(row.reference_f32), tolerance32);
  }
}

function timestepList(name: string, n: number): number[] {
  switch (name) {
    case 'ddim_leading':
    case 'ldm_leading':
    case 'euler_discrete_leading':
      return leadingTimesteps(n, 1);
    case 'ddpm_leading_offset0':
      return leadingTimesteps(n, 0);
    case 'ddim_trailing':
    case 'euler_discrete_trailing':
      return trailingTimesteps(n);
    case 'ddim_linspace':
      return linspaceTimesteps(n, true);
    case 'euler_discrete_linspace':
      return linspaceTimesteps(n, false);
    case 'plms': {
      // The network is called twice where PLMS begins (`plms.ts`).
      const [first, ...rest] = leadingTimesteps(n, 1);
      return [first!, ...rest.slice(0, 1), ...rest];
    }
    case 'lcm':
    case 'tcd':
      return lcmTimesteps(n);
    case 'unipc_linspace':
      return multistepTimesteps(n);
    case 'a1111_ddim_plms':
      return webuiTimesteps(n);
    default:
      return [];
  }
}

/** Resolution-dependent shift of a flow's time u on (0, 1] (Esser et al. 2024 eq. 23). */
function flowShift(u: number, shift: number): number {
  return (shift * u) / (1 + (shift - 1) * u);
}

function otherSigmas(name: string, n: number, table: NoiseTable): readonly number[] {
  // Rectified flow as Stability's reference has it: a timestep is shifted on its way back to sigma.
  const flow: NoiseTable = {
    sigmas: Float64Array.from({ length: 1000 }, (_, i) => flowShift((i + 1) / 1000, 3)),
    sigmaAt: (timestep) => asSigma(flowShift(timestep / 1000, 3)),
    timestepAt: (sigma) => asTimestep(sigma * 1000),
  };
  switch (name) {
    case 'flow_shift3_diffusers':
    case 'flow_shift3_f64':
    case 'flow_shift3_normal':
      return scheduleSigmas(findScheduler('Normal'), n, flow);
    case 'flow_shift3_table_loglinear_uniform':
      return scheduleSigmas(findScheduler('Uniform'), n, tableOfSigmas(flow.sigmas));
    case 'flow_shift3_direct_1_to_0':
      return Array.from({ length: n + 1 }, (_, i) => flowShift(1 - i / n, 3));
    case 'flow_shift3_simple':
      return scheduleSigmas(findScheduler('Simple'), n, flow);
    case 'flow_shift3_sgm_uniform':
      return scheduleSigmas(findScheduler('SGM Uniform'), n, flow);
    case 'edm_f64':
    case 'edm_diffusers_f32':
      return [...karrasSigmas(n, 0.002, 80), 0];
    case 'lcm_a1111_sigmas_f32':
      return webuiLcmSchedule(n, table).sigmas;
    case 'euler_discrete_linspace_f32':
      return diffusersEulerSchedule(n, table, { spacing: 'linspace' }).sigmas;
    case 'euler_discrete_leading_f32':
      return diffusersEulerSchedule(n, table, { spacing: 'leading' }).sigmas;
    case 'euler_discrete_trailing_f32':
      return diffusersEulerSchedule(n, table, { spacing: 'trailing' }).sigmas;
    default:
      return [];
  }
}
