/**
 * Every sampler, in the web UI's order, under its labels. To add one: a file beside this one and a row here.
 *
 * Sources of labels, aliases and defaults: A1111 modules/sd_samplers_{kdiffusion,timesteps,lcm,extra}.py; aliases with
 * underscores also cover ComfyUI's names.
 */

import { findNamed, type Named } from '../named.ts';
import type { NoiseTable } from '../noise-table.ts';
import type { Sigma } from '../numbers.ts';
import { findScheduler, type Schedule, type SchedulerRow, schedulers } from '../schedules.ts';
import {
  diffusersDdimSchedule,
  lcmTimesteps,
  leadingTimesteps,
  multistepTimesteps,
  scheduleOfTimesteps,
  webuiLcmSchedule,
  webuiTimestepSchedule,
  webuiTimesteps,
  webuiUnipcSchedule,
} from '../timesteps.ts';
import { ddim } from './ddim.ts';
import { ddpm } from './ddpm.ts';
import { deis } from './deis.ts';
import { dpm2 } from './dpm-2.ts';
import { dpm2Ancestral } from './dpm-2-ancestral.ts';
import { dpmAdaptive } from './dpm-adaptive.ts';
import { dpmFast, dpmFastOrders } from './dpm-fast.ts';
import { dpmpp2m } from './dpmpp-2m.ts';
import { dpmpp2mSde } from './dpmpp-2m-sde.ts';
import { dpmpp2sAncestral } from './dpmpp-2s-ancestral.ts';
import { dpmpp3mSde } from './dpmpp-3m-sde.ts';
import { dpmppSde } from './dpmpp-sde.ts';
import { erSde } from './er-sde.ts';
import { euler } from './euler.ts';
import { eulerAncestral } from './euler-ancestral.ts';
import { eulerCfgPlusPlus } from './euler-cfg-pp.ts';
import { heun } from './heun.ts';
import { ipndm } from './ipndm.ts';
import { ipndmV } from './ipndm-v.ts';
import { lcm, lcmVp } from './lcm.ts';
import { lms } from './lms.ts';
import { plms } from './plms.ts';
import { restart, restartIntervals } from './restart.ts';
import { saSolver } from './sa-solver.ts';
import type { Sampler, SamplerSettings } from './sampler.ts';
import { tcd } from './tcd.ts';
import { unipc } from './unipc.ts';

export interface SamplerRow extends Named {
  readonly run: Sampler;
  /** The state it works on: x0 + sigma noise, or sqrt(alpha-bar) x0 + sqrt(1 - alpha-bar) noise. */
  readonly space: 'sigma' | 'vp';
  /** Fresh noise: none (but for churn), a new draw each time, or along a Brownian path. */
  readonly noise: 'none' | 'independent' | 'brownian';
  /** What `Automatic` stands for; Uniform when left out. */
  readonly scheduler?: string;
  /** A schedule of its own, whatever scheduler is asked for. */
  readonly grid?: (steps: number, table: NoiseTable, settings?: SamplerSettings) => Schedule;
  /** Its own way of starting from a picture, `count` steps of the web UI's being left. */
  readonly partialGrid?: (steps: number, count: number, table: NoiseTable, settings?: SamplerSettings) => PartialGrid;
  /** Asks for one step more and leaves out the last noise level but one. */
  readonly discardPenultimate?: boolean;
  /** Settings that make the row what it is. */
  readonly settings?: SamplerSettings;
  /** Settings of a request that act on it, as in A1111; it is given no others. */
  readonly reads: readonly RequestedSetting[];
  /** Steps that will be yielded and denoiser calls they take; undefined where only the run can tell. */
  readonly cost: (sigmas: readonly Sigma[]) => SamplerCost | undefined;
  /** Without a picture to start from it goes over the model's own noise levels, whatever the schedule. */
  readonly modelRange?: boolean;
  /** It steps along the unconditional noise estimate, which is made even where guidance would need none. */
  readonly needsUnconditional?: boolean;
  /** Guidance scales that users give are multiplied by this. */
  readonly guidanceFactor?: number;
  /** Inpainting with an ordinary network: the original is laid over its input, not over its result. */
  readonly maskBefore?: boolean;
  /** A1111 counts two denoiser calls a step for it: prompt editing is planned over twice the steps. */
  readonly secondOrder?: boolean;
  /** Whether A1111's eta noise seed delta acts on it. */
  readonly usesSeedDelta?: boolean;
  /** Images of a batch influence each other: give it one at a time. */
  readonly batchCoupled?: boolean;
}

type RequestedSetting =
  | 'eta'
  | 'sChurn'
  | 'sTmin'
  | 'sTmax'
  | 'sNoise'
  | 'order'
  | 'variant'
  | 'skipType'
  | 'lowerOrderFinal';

interface SamplerCost {
  readonly steps: number;
  readonly evaluations: number;
}

/** A schedule entered midway, and the noise level that the picture is raised to. */
export interface PartialGrid {
  readonly schedule: Schedule;
  readonly startSigma: Sigma;
}

const onePerStep = (sigmas: readonly Sigma[]): SamplerCost => {
  const steps = sigmas.length - 1;
  return { steps, evaluations: steps };
};

/** Two evaluations a step, but one where the step goes to 0. */
const twoPerStep = (sigmas: readonly Sigma[]): SamplerCost => {
  const steps = sigmas.length - 1;
  return { steps, evaluations: 2 * steps - (sigmas[steps] === 0 ? 1 : 0) };
};

/** Two evaluations in the first step, where there is a level above 0 to look at. */
const plmsCost = (sigmas: readonly Sigma[]): SamplerCost => {
  const steps = sigmas.length - 1;
  return { steps, evaluations: steps + (sigmas[1]! > 0 ? 1 : 0) };
};

const diffusersPlmsCost = (sigmas: readonly Sigma[]): SamplerCost => {
  const steps = sigmas.length - 1;
  return { steps, evaluations: steps > 1 ? steps + 1 : steps };
};

const restartCost = (sigmas: readonly Sigma[]): SamplerCost => {
  const intervals = restartIntervals(sigmas);
  return { steps: intervals.length, evaluations: intervals.reduce((sum, [, to]) => sum + (to > 0 ? 2 : 1), 0) };
};

const fastCost = (sigmas: readonly Sigma[]): SamplerCost => {
  const evaluations = sigmas.length - 1;
  return { steps: dpmFastOrders(evaluations).length, evaluations };
};

/**
 * The web UI's timesteps from the one before last of the `count` that are left; the picture is raised to the one after,
 * as upstream has it. At least one step is taken.
 */
function webuiPartialGrid(steps: number, count: number, table: NoiseTable): PartialGrid {
  const { sigmas, timesteps } = webuiTimestepSchedule(steps, table);
  const first = Math.min(Math.max(sigmas.length - count, 0), sigmas.length - 2);
  const schedule: Schedule = { sigmas: sigmas.slice(first), ...(timesteps && { timesteps: timesteps.slice(first) }) };
  return { schedule, startSigma: sigmas[Math.max(first - 1, 0)]! };
}

function unipcGrid(steps: number, table: NoiseTable, { skipType }: SamplerSettings = {}): Schedule {
  return webuiUnipcSchedule(webuiTimesteps(steps, table.sigmas.length).length, table, { skipType });
}

function unipcPartialGrid(
  steps: number,
  count: number,
  table: NoiseTable,
  { skipType }: SamplerSettings = {},
): PartialGrid {
  const timesteps = webuiTimesteps(steps, table.sigmas.length);
  const left = Math.min(Math.max(count, 1), timesteps.length);
  const from = (timesteps[left - 1]! + 1) / table.sigmas.length;
  const raised = timesteps[Math.min(left, timesteps.length - 1)]!;
  return { schedule: webuiUnipcSchedule(left, table, { from, skipType }), startSigma: table.sigmaAt(raised) };
}

const churned: readonly RequestedSetting[] = ['sChurn', 'sTmin', 'sTmax', 'sNoise'];
const renoised: readonly RequestedSetting[] = ['eta', 'sNoise'];

/** CFG++ weighs conditions 0 to 1; the web UI's users give its scale as they are used to, 0 to 12.5. */
const cfgPlusPlus = 1 / 12.5;

export const samplers: readonly SamplerRow[] = [
  {
    name: 'DPM++ 2M',
    aliases: ['k_dpmpp_2m', 'dpmpp_2m'],
    run: dpmpp2m,
    space: 'sigma',
    noise: 'none',
    scheduler: 'Karras',
    reads: [],
    cost: onePerStep,
  },
  {
    name: 'DPM++ SDE',
    aliases: ['k_dpmpp_sde', 'dpmpp_sde'],
    run: dpmppSde,
    space: 'sigma',
    noise: 'brownian',
    scheduler: 'Karras',
    secondOrder: true,
    reads: renoised,
    cost: twoPerStep,
  },
  {
    name: 'DPM++ 2M SDE',
    aliases: ['k_dpmpp_2m_sde', 'dpmpp_2m_sde'],
    run: dpmpp2mSde,
    space: 'sigma',
    noise: 'brownian',
    scheduler: 'Exponential',
    reads: renoised,
    cost: onePerStep,
  },
  {
    name: 'DPM++ 2M SDE Heun',
    aliases: ['k_dpmpp_2m_sde_heun', 'dpmpp_2m_sde_heun'],
    run: dpmpp2mSde,
    settings: { solver: 'heun' },
    space: 'sigma',
    noise: 'brownian',
    scheduler: 'Exponential',
    reads: renoised,
    cost: onePerStep,
  },
  {
    name: 'DPM++ 2S a',
    aliases: ['k_dpmpp_2s_a', 'dpmpp_2s_ancestral'],
    run: dpmpp2sAncestral,
    space: 'sigma',
    noise: 'independent',
    scheduler: 'Karras',
    usesSeedDelta: true,
    secondOrder: true,
    reads: renoised,
    cost: twoPerStep,
  },
  {
    name: 'DPM++ 3M SDE',
    aliases: ['k_dpmpp_3m_sde', 'dpmpp_3m_sde'],
    run: dpmpp3mSde,
    space: 'sigma',
    noise: 'brownian',
    scheduler: 'Exponential',
    discardPenultimate: true,
    reads: renoised,
    cost: onePerStep,
  },
  {
    name: 'Euler a',
    aliases: ['k_euler_a', 'k_euler_ancestral', 'euler_ancestral'],
    run: eulerAncestral,
    space: 'sigma',
    noise: 'independent',
    usesSeedDelta: true,
    reads: ['eta'],
    cost: onePerStep,
  },
  { name: 'Euler', aliases: ['k_euler'], run: euler, space: 'sigma', noise: 'none', reads: churned, cost: onePerStep },
  { name: 'LMS', aliases: ['k_lms'], run: lms, space: 'sigma', noise: 'none', reads: [], cost: onePerStep },
  {
    name: 'Heun',
    aliases: ['k_heun'],
    run: heun,
    space: 'sigma',
    noise: 'none',
    secondOrder: true,
    reads: churned,
    cost: twoPerStep,
  },
  {
    name: 'DPM2',
    aliases: ['k_dpm_2', 'dpm_2'],
    run: dpm2,
    space: 'sigma',
    noise: 'none',
    scheduler: 'Karras',
    discardPenultimate: true,
    secondOrder: true,
    reads: churned,
    cost: twoPerStep,
  },
  {
    name: 'DPM2 a',
    aliases: ['k_dpm_2_a', 'dpm_2_ancestral'],
    run: dpm2Ancestral,
    space: 'sigma',
    noise: 'independent',
    scheduler: 'Karras',
    discardPenultimate: true,
    usesSeedDelta: true,
    secondOrder: true,
    reads: renoised,
    cost: twoPerStep,
  },
  {
    name: 'DPM fast',
    aliases: ['k_dpm_fast', 'dpm_fast'],
    run: dpmFast,
    settings: { eta: 1 },
    space: 'sigma',
    noise: 'independent',
    usesSeedDelta: true,
    reads: renoised,
    modelRange: true,
    cost: fastCost,
  },
  {
    name: 'DPM adaptive',
    aliases: ['k_dpm_ad', 'dpm_adaptive'],
    run: dpmAdaptive,
    settings: { eta: 1 },
    space: 'sigma',
    noise: 'independent',
    usesSeedDelta: true,
    batchCoupled: true,
    reads: ['eta'],
    modelRange: true,
    cost: () => undefined,
  },
  {
    name: 'Restart',
    aliases: ['restart'],
    run: restart,
    space: 'sigma',
    noise: 'independent',
    scheduler: 'Karras',
    secondOrder: true,
    reads: [],
    cost: restartCost,
  },
  {
    name: 'DDIM',
    aliases: ['ddim'],
    run: ddim,
    space: 'vp',
    noise: 'independent',
    grid: webuiTimestepSchedule,
    partialGrid: webuiPartialGrid,
    reads: ['eta'],
    maskBefore: true,
    cost: onePerStep,
  },
  {
    name: 'DDIM CFG++',
    aliases: ['ddim_cfgpp'],
    run: ddim,
    space: 'vp',
    noise: 'independent',
    grid: webuiTimestepSchedule,
    partialGrid: webuiPartialGrid,
    reads: ['eta'],
    needsUnconditional: true,
    guidanceFactor: cfgPlusPlus,
    maskBefore: true,
    cost: onePerStep,
  },
  {
    name: 'PLMS',
    aliases: ['plms'],
    run: plms,
    space: 'vp',
    noise: 'none',
    grid: webuiTimestepSchedule,
    partialGrid: webuiPartialGrid,
    reads: [],
    maskBefore: true,
    cost: plmsCost,
  },
  {
    name: 'UniPC',
    aliases: ['unipc', 'uni_pc'],
    run: unipc,
    settings: { order: 3, variant: 'bh1' },
    space: 'vp',
    noise: 'none',
    grid: unipcGrid,
    partialGrid: unipcPartialGrid,
    reads: ['order', 'variant', 'skipType', 'lowerOrderFinal'],
    maskBefore: true,
    cost: onePerStep,
  },
  {
    name: 'LCM',
    aliases: ['k_lcm'],
    run: lcm,
    space: 'sigma',
    noise: 'independent',
    grid: (steps, table) => webuiLcmSchedule(steps, table),
    reads: [],
    cost: onePerStep,
  },
  {
    name: 'DDIM diffusers',
    aliases: ['DDIMScheduler'],
    run: ddim,
    space: 'vp',
    noise: 'independent',
    grid: (steps, table) => diffusersDdimSchedule(steps, table),
    reads: ['eta'],
    cost: onePerStep,
  },
  {
    name: 'PLMS diffusers',
    aliases: ['PNDMScheduler', 'PNDM'],
    run: plms,
    space: 'vp',
    noise: 'none',
    grid: (steps, table) => diffusersDdimSchedule(steps, table),
    settings: { averages: 'prediction' },
    reads: [],
    cost: diffusersPlmsCost,
  },
  {
    name: 'UniPC diffusers',
    aliases: ['UniPCMultistepScheduler', 'uni_pc_bh2'],
    run: unipc,
    settings: { order: 2, variant: 'bh2' },
    space: 'vp',
    noise: 'none',
    grid: (steps, table) => scheduleOfTimesteps(multistepTimesteps(steps, table.sigmas.length), table),
    reads: [],
    cost: onePerStep,
  },
  {
    name: 'LCM diffusers',
    aliases: ['LCMScheduler'],
    run: lcmVp,
    space: 'vp',
    noise: 'independent',
    grid: (steps, table) => scheduleOfTimesteps(lcmTimesteps(steps, 50, table.sigmas.length), table),
    reads: [],
    cost: onePerStep,
  },
  {
    name: 'TCD',
    aliases: ['TCDScheduler'],
    run: tcd,
    space: 'vp',
    noise: 'independent',
    grid: (steps, table) => scheduleOfTimesteps(lcmTimesteps(steps, 50, table.sigmas.length), table, 'first'),
    reads: ['eta'],
    cost: onePerStep,
  },
  {
    name: 'DDPM',
    aliases: ['DDPMScheduler'],
    run: ddpm,
    space: 'vp',
    noise: 'independent',
    grid: (steps, table) => scheduleOfTimesteps(leadingTimesteps(steps, 0, table.sigmas.length), table),
    reads: [],
    cost: onePerStep,
  },
  {
    name: 'Euler CFG++',
    aliases: ['euler_cfg_pp'],
    run: eulerCfgPlusPlus,
    space: 'sigma',
    noise: 'none',
    reads: [],
    needsUnconditional: true,
    guidanceFactor: cfgPlusPlus,
    cost: onePerStep,
  },
  {
    name: 'Euler a CFG++',
    aliases: ['euler_ancestral_cfg_pp'],
    run: eulerCfgPlusPlus,
    settings: { eta: 1 },
    space: 'sigma',
    noise: 'independent',
    reads: renoised,
    needsUnconditional: true,
    guidanceFactor: cfgPlusPlus,
    usesSeedDelta: true,
    cost: onePerStep,
  },
  { name: 'IPNDM', aliases: ['ipndm'], run: ipndm, space: 'sigma', noise: 'none', reads: [], cost: onePerStep },
  { name: 'IPNDM V', aliases: ['ipndm_v'], run: ipndmV, space: 'sigma', noise: 'none', reads: [], cost: onePerStep },
  {
    name: 'DEIS',
    aliases: ['deis', 'DEISMultistepScheduler'],
    run: deis,
    space: 'sigma',
    noise: 'none',
    reads: [],
    cost: onePerStep,
  },
  {
    name: 'SA Solver',
    aliases: ['sa_solver', 'SASolverScheduler'],
    run: saSolver,
    space: 'sigma',
    noise: 'independent',
    reads: renoised,
    cost: onePerStep,
  },
  {
    name: 'ER SDE',
    aliases: ['er_sde'],
    run: erSde,
    space: 'sigma',
    noise: 'independent',
    reads: ['sNoise'],
    cost: onePerStep,
  },
];

/** @throws UnknownNameError naming the nearest samplers. */
export function findSampler(name: string): SamplerRow {
  return findNamed('sampler', samplers, name);
}

/**
 * Splits the web UI's older combined names, such as "DPM++ 2M Karras". A scheduler in the name wins over the one given,
 * as upstream.
 * @throws UnknownNameError naming the nearest samplers or schedulers.
 */
export function findSamplerAndScheduler(
  name: string,
  scheduler?: string,
): { sampler: SamplerRow; scheduler: SchedulerRow } {
  for (const row of schedulers) {
    const suffix = [row.name, ...row.aliases].find((label) => name.toLowerCase().endsWith(` ${label.toLowerCase()}`));
    if (suffix) return { sampler: findSampler(name.slice(0, -suffix.length - 1)), scheduler: row };
  }
  return { sampler: findSampler(name), scheduler: findScheduler(scheduler || 'Automatic') };
}
