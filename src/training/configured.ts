/** What the settings of a run stand for: its optimiser, its loss weights, what decays. */

import { UserError } from '#core/errors';
import type { CommonConfig, TextToImageConfig } from './config.ts';
import type { LossWeighting } from './diffusion-objective.ts';
import type { LoopOptions } from './loop.ts';
import type { Optimizer } from './optimizer.ts';
import { findOptimizer } from './optimizers/registry.ts';
import { type DecayRule, decaysAll, decaysMatrices } from './weight-decay.ts';

/** The run's optimiser. Throws UserError for an unknown name (with the nearest) or a wrong option. */
export function configuredOptimizer(config: Pick<CommonConfig, 'optimizer' | 'betas' | 'weightDecay'>): Optimizer {
  const { name, ...own } = config.optimizer;
  const row = findOptimizer(name);
  const common = Object.entries({ betas: config.betas, weightDecay: config.weightDecay });
  const applicable = common.filter(([option, value]) => value !== undefined && row.options.includes(option));
  return row.create({ ...Object.fromEntries(applicable), ...own });
}

export function configuredWeighting({
  weighting,
  minSnrGamma,
}: Pick<TextToImageConfig, 'weighting' | 'minSnrGamma'>): LossWeighting {
  return weighting ?? (minSnrGamma === undefined ? { name: 'none' } : { name: 'min-snr', gamma: minSnrGamma });
}

const decayRules: { readonly [K in CommonConfig['weightDecayOn']]: DecayRule } = {
  all: decaysAll,
  matrices: decaysMatrices,
};

export function configuredDecay({ weightDecayOn }: Pick<CommonConfig, 'weightDecayOn'>): DecayRule {
  return decayRules[weightDecayOn];
}

/** Settings of the loop that every training has. */
export type RunCommons = CommonConfig & Pick<LoopOptions, 'rates' | 'validateEvery'>;

/** @throws UserError `training.rates` */
export function loopOptions(config: RunCommons): LoopOptions {
  const optimizer = configuredOptimizer(config);
  if (config.rates && Object.keys(optimizer.shared).length > 0) {
    const message = `${optimizer.name} finds one rate for all weights; leave out unet_lr and text_encoder_lr`;
    throw new UserError('training.rates', message);
  }
  return {
    steps: config.steps,
    accumulate: config.accumulate,
    recompute: config.recompute,
    optimizer,
    rates: config.rates,
    validateEvery: config.validateEvery,
    decays: configuredDecay(config),
    learningRate: config.learningRate,
    schedule: { ...config.schedule, totalSteps: config.steps },
    clipNorm: config.clipNorm,
    ema: config.ema,
    checkpointEvery: config.checkpointEvery,
    sampleEvery: config.sampleEvery,
    threads: config.threads,
  };
}
