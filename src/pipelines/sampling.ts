/**
 * The core loop: from a start latent through a sampler to the final latent, step by step. Everything that a step needs
 * is given, so that noise, schedule and masks can come from anywhere.
 */

import type { NoiseSource, StepNoise } from '#diffusion/noise-source';
import type { NoiseTable } from '#diffusion/noise-table';
import type { Latent } from '#diffusion/numbers';
import { createDenoiser, type Denoise } from '#diffusion/parameterization';
import type { SamplingPlan } from '#diffusion/sample';
import type { SamplerStep } from '#diffusion/samplers/sampler';
import type { ModelParts } from '#models/family';
import { type GuidedNetworkOptions, guidedNetwork, keepUnmasked, showUnmasked } from './denoiser.ts';
import { keepSoftly, type SoftSettings } from './soft-inpainting.ts';

/** A network with all that it reads, of those through whose hands a latent goes. */
export interface SamplingStage
  extends Omit<GuidedNetworkOptions, 'prediction' | 'levelsAreTimesteps' | 'onUnconditional'> {
  readonly parts: Pick<ModelParts, 'prediction'>;
  readonly table: NoiseTable;
}

export interface SamplingRun extends SamplingStage {
  readonly plan: SamplingPlan;
  /** From `plan.start`, [images, channels, height, width]. */
  readonly start: Latent;
  readonly noise: NoiseSource | StepNoise;
  /** Default false: what the network is told may lie between two timesteps. */
  readonly wholeTimesteps?: boolean;
  /** What to keep where the mask is 0: clean latents of all images, and the mask [height * width]. */
  readonly keep?:
    | {
        readonly original: Float32Array;
        readonly mask: Float32Array;
        readonly soft?: SoftSettings | undefined;
      }
    | undefined;
  readonly handOver?: StageHandOver | undefined;
}

export interface StageHandOver {
  /** The part of the noise, 0..1, after which the next network takes over. */
  readonly at: number;
  /** Asked once, when the time has come. */
  next(): Promise<SamplingStage>;
}

/** Steps of the plan's sampler; the last one's `x` is the result. */
export function sampleLatents(run: SamplingRun): AsyncGenerator<SamplerStep, void, undefined> {
  const { parts, plan, keep, noise, handOver } = run;
  const { sampler } = plan;
  let unconditional: Latent | undefined;
  const keepUnconditional = (estimate: Latent): void => {
    unconditional = estimate;
  };
  const denoiserOf = (stage: SamplingStage): Denoise => {
    const { prediction } = stage.parts;
    // Samplers on timesteps ask for whole ones anyway.
    const quantize = run.wholeTimesteps && sampler.space === 'sigma';
    const network = guidedNetwork({
      ...stage,
      guidance: { ...stage.guidance, scale: stage.guidance.scale * (sampler.guidanceFactor ?? 1) },
      prediction,
      levelsAreTimesteps: sampler.maskBefore,
      onUnconditional: sampler.needsUnconditional ? keepUnconditional : undefined,
    });
    return createDenoiser({ network, prediction, table: stage.table, timestepOf: plan.timestepOf, quantize });
  };
  const first = denoiserOf(run);
  const guided = handOver ? handingOver(first, run, handOver, denoiserOf) : first;
  const masked = sampler.maskBefore ? showUnmasked : keepUnmasked;
  const kept = (): Denoise =>
    keep!.soft
      ? keepSoftly(guided, keep!.original, keep!.mask, keep!.soft, run.shape[1])
      : masked(guided, keep!.original, keep!.mask);
  const denoise = keep ? kept() : guided;
  return plan.run({
    denoise,
    x: run.start,
    noise,
    prediction: parts.prediction,
    unconditional: () => unconditional,
  });
}

/**
 * The first network until its part of the noise is gone, then the next: an ensemble of experts (eDiff-I, arXiv:2211.01324;
 * SDXL's base and refiner). At whole timesteps, as A1111 modules/sd_samplers_common.py `apply_refiner`.
 */
function handingOver(
  first: Denoise,
  { table, plan }: Pick<SamplingRun, 'table' | 'plan'>,
  { at, next }: StageHandOver,
  denoiserOf: (stage: SamplingStage) => Denoise,
): Denoise {
  const count = table.sigmas.length;
  let current = first;
  let isOver = false;
  return async (x, sigma) => {
    if (!isOver && (count - 1 - Math.round(plan.timestepOf(sigma))) / count >= at) {
      isOver = true;
      current = denoiserOf(await next());
    }
    return await current(x, sigma);
  };
}
