/**
 * A sampling run from its settings: schedule, start, steps. This is the room's door; the four parts behind it (schedule,
 * denoiser, sampler, noise) can also be used one by one.
 *
 * ```ts
 * const table = stableDiffusionTable();
 * const plan = planSampling({ sampler: 'DPM++ 2M', scheduler: 'Automatic', steps: 20, table });
 * const source = createNoiseSource({ kind: 'cpu', seeds: batchSeeds(2, 42).seeds, shape: [4, 64, 64] });
 * const predict = createDenoiser({ network, prediction: 'eps', table, timestepOf: plan.timestepOf });
 * let latent = plan.start(source.first()); // or plan.start(source.first(), imageLatent) with `strength` given
 * for await (const step of plan.run({ denoise: predict, x: latent, noise: source })) {
 *   latent = step.x; // the last one is the result; step.denoised is the preview
 * }
 * ```
 *
 * Guidance belongs inside `network` or `denoise` (see guidance.ts). Sources: A1111
 * modules/sd_samplers_{common,kdiffusion,timesteps}.py for how a picture enters midway.
 */

import { UserError } from '#core/errors';
import type { NoiseSource, StepNoise } from './noise-source.ts';
import { alphaBarOfSigma, type NoiseTable } from './noise-table.ts';
import { asSigmas, combine, type Latent, type Sigma, type Timestep, withoutRepeats } from './numbers.ts';
import type { Denoise } from './parameterization.ts';
import { findSampler, type PartialGrid, type SamplerRow } from './samplers/index.ts';
import type { SamplerRun, SamplerSettings, SamplerStep } from './samplers/sampler.ts';
import {
  automaticScheduler,
  findScheduler,
  type Schedule,
  type SchedulerRow,
  type ScheduleSettings,
  scheduleSigmas,
} from './schedules.ts';
import { timestepLookup } from './timesteps.ts';

export interface SamplingOptions {
  readonly sampler: string | SamplerRow;
  /** Name of a noise schedule; `Automatic` (the sampler's own) when left out. Ignored by samplers with their own grid. */
  readonly scheduler?: string | SchedulerRow;
  readonly steps: number;
  readonly table: NoiseTable;
  /** Picture to picture: how much may change, 0..1, entering the schedule as the web UI does. */
  readonly strength?: number;
  /** With `strength`: `steps` are those that run, of a schedule as much longer (hires fix, A1111's "img2img_fix_steps"). */
  readonly exactSteps?: boolean;
  /** Picture to picture by position: the first interval of the schedule that is run. Excludes `strength`. */
  readonly firstStep?: number;
  /** A ready schedule in place of scheduler, steps and grid. */
  readonly schedule?: Schedule;
  readonly settings?: SamplerSettings;
  readonly scheduleSettings?: ScheduleSettings;
  /** Leaves out the last noise level but one with every sampler (A1111's "always discard next-to-last sigma"). */
  readonly discardPenultimate?: boolean;
  /** Start noise at sigma (A1111's default) or at sqrt(1 + sigma^2) ("SGM noise multiplier", diffusers' leading Euler). */
  readonly startScale?: 'sigma' | 'unit-variance';
}

interface RunOptions {
  readonly denoise: Denoise;
  /** From `plan.start`, [B, C, H, W]. */
  readonly x: Latent;
  /** The batch's noise, or any noise per step. */
  readonly noise: NoiseSource | StepNoise;
  readonly prediction?: SamplerRun['prediction'];
  readonly unconditional?: SamplerRun['unconditional'];
}

export interface SamplingPlan {
  readonly sampler: SamplerRow;
  /** The schedule's name, resolved from `Automatic`; absent where the sampler has a grid of its own. */
  readonly scheduler?: SchedulerRow;
  readonly schedule: Schedule;
  /** Steps that `run` yields and denoiser calls they take; undefined where only the run can tell. */
  readonly cost: { readonly steps: number; readonly evaluations: number } | undefined;
  /** What to tell the network at a noise level. */
  readonly timestepOf: (sigma: Sigma) => Timestep;
  /** The latent that `run` begins with: unit noise, over a clean picture latent of the same shape if there is one. */
  start(noise: Latent, image?: Latent): Latent;
  /** A clean latent raised to `sigma` in the sampler's space, e.g. to keep what a mask excludes. */
  addNoise(image: Latent, noise: Latent, sigma: number): Latent;
  run(options: RunOptions): AsyncGenerator<SamplerStep, void, undefined>;
}

/**
 * @throws UnknownNameError for unknown names, UserError for steps or strength out of range.
 */
export function planSampling(given: SamplingOptions): SamplingPlan {
  const { total, count } = midway(given);
  const options = { ...given, steps: total };
  const sampler = typeof options.sampler === 'string' ? findSampler(options.sampler) : options.sampler;
  const scheduler = sampler.grid || options.schedule ? undefined : resolveScheduler(sampler, options.scheduler);
  const whole = options.schedule ?? fullSchedule(options, sampler, scheduler);
  const { schedule, startSigma } = enterSchedule(options, sampler, whole, count);
  const settings = { ...sampler.settings, ...options.settings };
  const { table } = options;
  const addNoise = (image: Latent, noise: Latent, sigma: number) => {
    const alphaBar = alphaBarOfSigma(sigma);
    return sampler.space === 'sigma'
      ? combine([1, image], [sigma, noise])
      : combine([Math.sqrt(alphaBar), image], [Math.sqrt(1 - alphaBar), noise]);
  };
  return {
    sampler,
    ...(scheduler && { scheduler }),
    schedule,
    cost: sampler.cost(schedule.sigmas),
    timestepOf: timestepLookup(schedule, table),
    addNoise,
    start(noise, image) {
      if (image) return addNoise(image, noise, startSigma);
      if (sampler.space === 'vp') return noise.slice();
      const unitVariance = options.startScale === 'unit-variance';
      return combine([unitVariance ? Math.sqrt(1 + startSigma ** 2) : startSigma, noise]);
    },
    run({ noise, ...run }) {
      return sampler.run({ ...run, schedule, table, noise: stepNoise(noise, sampler, whole), settings });
    },
  };
}

/** Steps of the whole schedule, and how many of them are left, less one, where a picture enters it by its strength. */
function midway({ steps, strength = 1, exactSteps }: SamplingOptions): { total: number; count: number } {
  const part = Math.min(strength, 0.999);
  if (!exactSteps) return { total: steps, count: Math.trunc(part * steps) };
  return { total: strength > 0 ? Math.trunc(steps / part) : steps, count: steps - 1 };
}

function resolveScheduler(sampler: SamplerRow, asked: string | SchedulerRow | undefined): SchedulerRow {
  const row = typeof asked === 'object' ? asked : findScheduler(asked || automaticScheduler.name);
  return row === automaticScheduler ? findScheduler(sampler.scheduler ?? 'Uniform') : row;
}

/** The whole schedule, or the part that is left when a picture enters midway. */
function enterSchedule(options: SamplingOptions, sampler: SamplerRow, whole: Schedule, count: number): PartialGrid {
  const { steps, table, strength, firstStep } = options;
  if (strength !== undefined && !(strength >= 0 && strength <= 1)) {
    throw new UserError('strength.invalid', `Denoising strength is a number from 0 to 1; got ${strength}.`);
  }
  if (strength !== undefined && sampler.partialGrid && !options.schedule) {
    return sampler.partialGrid(steps, count, table, options.settings);
  }
  if (sampler.modelRange && strength === undefined && firstStep === undefined && !options.schedule) {
    const sigmas = scheduleSigmas(findScheduler('Exponential'), steps, table);
    return { schedule: { sigmas }, startSigma: whole.sigmas[0]! };
  }
  const wanted = firstStep ?? (strength === undefined ? 0 : steps - count - 1);
  const first = Math.min(Math.max(wanted, 0), whole.sigmas.length - 2);
  const schedule: Schedule = {
    sigmas: whole.sigmas.slice(first),
    ...(whole.timesteps && { timesteps: whole.timesteps.slice(first) }),
  };
  return { schedule, startSigma: schedule.sigmas[0]! };
}

function fullSchedule(options: SamplingOptions, sampler: SamplerRow, scheduler: SchedulerRow | undefined): Schedule {
  const { steps, table, scheduleSettings } = options;
  if (sampler.grid) return sampler.grid(steps, table, options.settings);
  const row = scheduler ?? findScheduler('Uniform');
  if (!sampler.discardPenultimate && !options.discardPenultimate)
    return { sigmas: scheduleSigmas(row, steps, table, scheduleSettings) };
  const sigmas = [...scheduleSigmas(row, steps + 1, table, scheduleSettings)];
  sigmas.splice(-2, 1);
  return { sigmas: asSigmas(withoutRepeats(sigmas)) };
}

/** Brownian paths run over the whole schedule, also where a picture enters midway, as in the web UI. */
function stepNoise(noise: NoiseSource | StepNoise, sampler: SamplerRow, { sigmas }: Schedule): StepNoise {
  if (typeof noise === 'function') return noise;
  if (sampler.noise !== 'brownian') return () => noise.next();
  const positive = sigmas.filter((sigma) => sigma > 0);
  return noise.brownian(Math.min(...positive), Math.max(...positive));
}

/**
 * The first interval that diffusers runs of a picture-to-picture schedule.
 * @internal An oracle of tests.
 */
export function diffusersFirstStep(steps: number, strength: number): number {
  return steps - Math.min(Math.trunc(steps * strength), steps);
}
