/**
 * The core loop: from a start latent through a sampler to the final latent, step by step. Everything that a step needs
 * is given, so that noise, schedule and masks can come from anywhere.
 */

import type { NoiseSource, StepNoise } from '#diffusion/noise-source';
import type { NoiseTable } from '#diffusion/noise-table';
import type { Latent } from '#diffusion/numbers';
import { createDenoiser } from '#diffusion/parameterization';
import type { SamplingPlan } from '#diffusion/sample';
import type { SamplerStep } from '#diffusion/samplers/sampler';
import type { ModelParts } from '#models/family';
import { type GuidedNetworkOptions, guidedNetwork, keepUnmasked, showUnmasked } from './denoiser.ts';

export interface SamplingRun
  extends Omit<GuidedNetworkOptions, 'prediction' | 'levelsAreTimesteps' | 'onUnconditional'> {
  readonly parts: Pick<ModelParts, 'prediction'>;
  readonly table: NoiseTable;
  readonly plan: SamplingPlan;
  /** From `plan.start`, [images, channels, height, width]. */
  readonly start: Latent;
  readonly noise: NoiseSource | StepNoise;
  /** What to keep where the mask is 0: clean latents of all images, and the mask [height * width]. */
  readonly keep?: { readonly original: Float32Array; readonly mask: Float32Array } | undefined;
}

/** Steps of the plan's sampler; the last one's `x` is the result. */
export function sampleLatents(run: SamplingRun): AsyncGenerator<SamplerStep, void, undefined> {
  const { parts, table, plan, keep, noise } = run;
  const { sampler } = plan;
  const { prediction } = parts;
  let unconditional: Latent | undefined;
  const keepUnconditional = (estimate: Latent): void => {
    unconditional = estimate;
  };
  const network = guidedNetwork({
    ...run,
    guidance: { ...run.guidance, scale: run.guidance.scale * (sampler.guidanceFactor ?? 1) },
    prediction,
    levelsAreTimesteps: sampler.maskBefore,
    onUnconditional: sampler.needsUnconditional ? keepUnconditional : undefined,
  });
  const guided = createDenoiser({ network, prediction, table, timestepOf: plan.timestepOf });
  const masked = sampler.maskBefore ? showUnmasked : keepUnmasked;
  const denoise = keep ? masked(guided, keep.original, keep.mask) : guided;
  return plan.run({ denoise, x: run.start, noise, prediction, unconditional: () => unconditional });
}
