/** A method's settings as those that every training has, and as the parts that the step is made of. */

import { UserError } from '#core/errors';
import type { ModelLimits } from '#models/family';
import type { PictureSize } from '../buckets.ts';
import type { CommonConfig } from '../config.ts';
import type { LossWeighting } from '../diffusion-objective.ts';
import type { RateGroups } from '../loop.ts';
import type { LossOptions, NoiseSettings } from '../tasks/denoising.ts';
import type { SharedSettings } from './methods.ts';
import type { settingsByGroup } from './shared.ts';

type Groups = typeof settingsByGroup;

/** What the loop needs of settings, which every training has. */
type LoopSettings = Pick<
  SharedSettings,
  | Exclude<keyof (Groups['length'] & Groups['learning']), 'unet_lr' | 'text_encoder_lr'>
  | 'backend'
  | 'threads'
  | 'sample_every_n_steps'
>;

/** `run`: the training's folder. */
export function commonsOf(settings: LoopSettings, run: string): CommonConfig {
  return {
    run,
    seed: settings.seed,
    steps: settings.max_train_steps,
    batchSize: settings.train_batch_size,
    accumulate: settings.gradient_accumulation_steps,
    recompute: settings.gradient_checkpointing,
    learningRate: settings.learning_rate,
    schedule: scheduleOf(settings),
    optimizer: { name: settings.optimizer_type, ...optionsOf(settings.optimizer_args) },
    weightDecay: settings.weight_decay,
    weightDecayOn: 'all',
    clipNorm: settings.max_grad_norm === 0 ? Number.MAX_VALUE : settings.max_grad_norm,
    ema: settings.use_ema ? { decay: settings.ema_decay, useWarmup: false, power: 0.75 } : undefined,
    checkpointEvery: settings.save_every_n_steps,
    sampleEvery: settings.sample_every_n_steps,
    size: 0,
    threads: settings.threads,
    backend: settings.backend,
  };
}

function scheduleOf(settings: LoopSettings): CommonConfig['schedule'] {
  const { lr_schedule: steps, lr_warmup_steps: warmupSteps } = settings;
  if (steps !== undefined) {
    return { name: 'piecewise_constant', warmupSteps: 0, rules: factorsOf(steps, settings.learning_rate) };
  }
  return {
    name: settings.lr_scheduler === 'constant' && warmupSteps > 0 ? 'constant_with_warmup' : settings.lr_scheduler,
    warmupSteps,
    cycles: settings.lr_scheduler === 'cosine_with_restarts' ? settings.lr_scheduler_num_cycles : undefined,
    power: settings.lr_scheduler_power,
  };
}

/**
 * A1111's learning rates, `rate:until step, ..., rate` (modules/textual_inversion/learn_schedule.py; -1 is the end), as
 * factors of a base rate.
 */
export function factorsOf(text: string, base: number): string {
  const parts = text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
  const factors = parts.map((part) => {
    const [rate, until] = part.split(':').map(Number);
    if (rate === undefined || !(rate > 0) || (until !== undefined && !Number.isInteger(until))) {
      throw new UserError('training.schedule', `lr_schedule: ${JSON.stringify(part)} is not a rate, or rate:step`);
    }
    return until === undefined || until < 0 ? String(rate / base) : `${rate / base}:${until}`;
  });
  if (factors.length === 0) throw new UserError('training.schedule', 'lr_schedule is empty; write rate:step, rate');
  // A rate holds from the step after the one before it on; the last holds to the end.
  return factors.map((factor, i) => (i === factors.length - 1 ? factor.split(':')[0]! : factor)).join(', ');
}

/** Options of optimisers whose usual names are not ours in Python's spelling. @internal a golden's rows have them */
export const optionNames: Readonly<Record<string, string>> = {
  weight_decay: 'weightDecay',
  d_coef: 'dCoefficient',
  growth_rate: 'growthRate',
  use_bias_correction: 'useBiasCorrection',
  safeguard_warmup: 'safeguardWarmup',
  clip_threshold: 'clipThreshold',
  decay_rate: 'decayRate',
  scale_parameter: 'scaleParameter',
  relative_step: 'relativeStep',
  warmup_init: 'warmupInit',
};

/** `betas=0.9,0.99` as an option of that name; names in Python's spelling are understood. */
function optionsOf(args: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(
    args.map((arg) => {
      const [, name, text] = /^(\w+)=(.+)$/.exec(arg)!;
      return [optionNames[name!] ?? name!, optionValue(text!.trim())];
    }),
  );
}

function optionValue(text: string): unknown {
  if (/^(true|false)$/i.test(text)) return /^true$/i.test(text);
  const numbers = text
    .replace(/^[([]|[)\]]$/g, '')
    .split(',')
    .map((part) => Number(part.trim()));
  if (numbers.some(Number.isNaN)) return text;
  return numbers.length === 1 ? numbers[0] : numbers;
}

/** Of the pictures that are trained on. @throws UserError `training.size` */
export function pictureSizeOf(
  { resolution }: Pick<SharedSettings, 'resolution'>,
  { defaultSize, gridMultiple }: Pick<ModelLimits, 'defaultSize' | 'gridMultiple'>,
): PictureSize {
  const [width = 0, height = width] =
    resolution === undefined ? [defaultSize.width, defaultSize.height] : resolution.split(/[,x]/).map(Number);
  if (width % gridMultiple === 0 && height % gridMultiple === 0 && width > 0 && height > 0) return { width, height };
  throw new UserError('training.size', `resolution is ${resolution}; this model takes multiples of ${gridMultiple}`);
}

export function lossOf(settings: SharedSettings): LossOptions {
  const weightings: LossWeighting[] = [];
  if (settings.min_snr_gamma !== undefined) weightings.push({ name: 'min-snr', gamma: settings.min_snr_gamma });
  if (settings.debiased_estimation_loss) weightings.push({ name: 'debiased' });
  return {
    type: settings.loss_type,
    huberSchedule: settings.huber_schedule,
    huberC: settings.huber_c,
    weightings,
    masks: settings.masked_loss ? (settings.masked_loss_area ? 'area' : 'mean') : undefined,
    priorWeight: settings.prior_loss_weight,
  };
}

export function noiseOf(settings: SharedSettings): NoiseSettings {
  return {
    offset: settings.noise_offset,
    adaptiveScale: settings.adaptive_noise_scale,
    multiresIterations: settings.multires_noise_iterations,
    multiresDiscount: settings.multires_noise_discount,
    inputPerturbation: settings.ip_noise_gamma,
  };
}

/** Rates of denoiser and text encoders where they differ; `isText`: of a parameter's name. */
export function ratesOf(
  settings: Pick<SharedSettings, 'learning_rate' | 'unet_lr' | 'text_encoder_lr'>,
  isText: (parameter: string) => boolean,
): RateGroups | undefined {
  const { learning_rate: base, unet_lr: unet = base, text_encoder_lr: text = base } = settings;
  if (unet === base && text === base) return undefined;
  return {
    groupOf: (name) => (isText(name) ? 'text' : 'denoiser'),
    factors: { denoiser: unet / base, text: text / base },
  };
}
