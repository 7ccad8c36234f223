/** One pass over one batch: start, noise and guidance as the pass has them, then the sampler. */

import { createNoiseSource } from '#diffusion/noise-source';
import { denoiserAdjustment } from './adjustments.ts';
import type { BatchShape } from './denoiser.ts';
import type { EncodedPrompts } from './encode-prompts.ts';
import type { Guidance } from './guidance.ts';
import type { Batch, GenerationJob, SamplingPass } from './job.ts';
import { sampleLatents } from './sampling.ts';
import type { LoadingEvent, ModelSessions } from './sessions.ts';
import type { StartPicture } from './start.ts';
import { callsOf } from './words.ts';

export interface PassRun {
  readonly sessions: ModelSessions;
  readonly start: StartPicture;
  readonly prompts: EncodedPrompts;
  readonly batch: Batch;
}

export async function* startPass(
  job: GenerationJob,
  pass: SamplingPass,
  { sessions, start, prompts, batch }: PassRun,
): AsyncGenerator<LoadingEvent, ReturnType<typeof sampleLatents>, undefined> {
  const { request, model, plan, table, latentSize } = pass;
  const { parts } = model;
  const session = yield* sessions.denoiser(latentSize, denoiserAdjustment(request));
  const { height, width } = latentSize;
  const shape: BatchShape = [batch.count, parts.latent.channels, height, width];
  const noise = noiseOf(job, pass, batch);
  const unit = noise.first();
  const original = start.latent && repeat(start.latent, batch.count);
  if (original && start.mask && request.maskedContent === 'noise') noiseMasked(original, unit, start.mask.latent);
  return sampleLatents({
    session,
    part: parts.denoiser,
    parts,
    shape,
    size: pass.size,
    ...prompts,
    guidance: guidanceOf(pass),
    extra: start.extra && repeat(start.extra, batch.count),
    table,
    plan,
    start: plan.start(original ? unit.map((v) => v * request.noiseMultiplier) : unit, original),
    noise,
    keep: original && start.mask && { original, mask: start.mask.latent },
  });
}

export function stepsOf({ plan, request }: SamplingPass): number {
  return plan.cost?.steps ?? request.steps;
}

function guidanceOf(pass: SamplingPass): Guidance {
  const { dynamicThreshold, mimicScale, sMinUncond, ...request } = pass.request;
  return {
    scale: request.cfgScale,
    rescale: request.cfgRescale,
    perturbed: request.pagScale,
    threshold: dynamicThreshold > 0 ? { quantile: dynamicThreshold, mimicScale } : undefined,
    skipBelow: { level: sMinUncond, always: request.sMinUncondAll },
    skipEarly: { fraction: request.skipEarlyCond, calls: callsOf(pass.request, pass.plan.sampler) },
  };
}

function noiseOf(job: GenerationJob, pass: SamplingPass, { first, count }: Batch) {
  const { request, model, latentSize, plan } = pass;
  const strength = request.subseedStrength;
  const { factor, channels } = model.parts.latent;
  const { seedResizeFromWidth: width, seedResizeFromHeight: height } = request;
  return createNoiseSource({
    kind: request.randomSource,
    seeds: job.seeds.slice(first, first + count),
    shape: [channels, latentSize.height, latentSize.width],
    variation: strength > 0 ? { seeds: job.variationSeeds.slice(first, first + count), strength } : undefined,
    resizeFrom:
      width > 0 && height > 0 ? { height: Math.floor(height / factor), width: Math.floor(width / factor) } : undefined,
    etaNoiseSeedDelta: plan.sampler.usesSeedDelta ? request.etaNoiseSeedDelta : 0,
  });
}

/** A batch of the same planes; planes of a whole batch as they are. */
function repeat(planes: Float32Array, count: number): Float32Array {
  const out = new Float32Array(count * planes.length);
  for (let i = 0; i < count; i++) out.set(planes, i * planes.length);
  return out;
}

/** Puts unit noise where the mask is 1. */
function noiseMasked(latents: Float32Array, noise: Float32Array, mask: Float32Array): void {
  for (let i = 0; i < latents.length; i++) {
    const m = mask[i % mask.length]!;
    latents[i] = latents[i]! * (1 - m) + noise[i]! * m;
  }
}
