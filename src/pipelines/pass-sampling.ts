/** One pass over one batch: start, noise and guidance as the pass has them, then the sampler. */

import { createNoiseSource } from '#diffusion/noise-source';
import type { Latent } from '#diffusion/numbers';
import { readRegions } from '#prompt/regions';
import { denoiserAdjustment } from './adjustments.ts';
import type { PreparedControl } from './control/prepare.ts';
import type { EncodedPrompts } from './encode-prompts.ts';
import type { Guidance } from './guidance.ts';
import type { Batch, GenerationJob, SamplingPass } from './job.ts';
import type { BatchShape } from './predict.ts';
import { regionShares } from './regions.ts';
import { type SamplingStage, type StageHandOver, sampleLatents } from './sampling.ts';
import type { LoadingEvent, ModelSessions } from './sessions.ts';
import { softOf } from './soft-inpainting.ts';
import type { StartPicture } from './start.ts';
import { cachedSession } from './step-cache.ts';
import { callsOf } from './words.ts';

export interface PassRun extends StageRun {
  readonly start: StartPicture;
  readonly handOver?: StageHandOver | undefined;
}

export interface StageRun {
  readonly sessions: ModelSessions;
  readonly prompts: EncodedPrompts;
  readonly control: PreparedControl | undefined;
  readonly batch: Batch;
}

/** The network of a pass, compiled, with all that it reads; `extra`: of one picture. */
export async function* stageOf(
  pass: SamplingPass,
  { sessions, prompts, control, batch }: StageRun,
  extra: Float32Array | undefined,
): AsyncGenerator<LoadingEvent, SamplingStage, undefined> {
  const { request, model, table, latentSize, size } = pass;
  const { parts } = model;
  const own = denoiserAdjustment(request, parts.latent);
  const adjustment = control?.adjustment(own) ?? own;
  const { stepCache: interval } = request;
  const caches = interval > 1 && request.sagScale === 0;
  const whole = yield* sessions.denoiser(latentSize, adjustment, caches);
  const session = caches
    ? cachedSession(whole, yield* sessions.shallowDenoiser(latentSize, adjustment), interval)
    : whole;
  const shape: BatchShape = [batch.count, parts.latent.channels, latentSize.height, latentSize.width];
  return {
    session,
    part: parts.denoiser,
    parts,
    shape,
    size,
    told: request,
    ...prompts,
    shares: sharesOf(pass, prompts),
    guidance: guidanceOf(pass, extra !== undefined),
    control: control?.control,
    extra: extraOf(parts, extra, shape),
    table,
  };
}

export async function* startPass(
  job: GenerationJob,
  pass: SamplingPass,
  { start, handOver, ...run }: PassRun,
): AsyncGenerator<LoadingEvent, ReturnType<typeof sampleLatents>, undefined> {
  const { request, plan } = pass;
  const { batch } = run;
  const stage = yield* stageOf(pass, run, start.extra);
  const noise = noiseOf(job, pass, batch);
  const unit = noise.first();
  const original = start.latents ?? (start.latent && repeat(start.latent, batch.count));
  if (original && start.mask && request.maskedContent === 'noise') noiseMasked(original, unit, start.mask.latent);
  return sampleLatents({
    ...stage,
    plan,
    start: original ? noised(pass, unit, original) : plan.start(unit),
    noise,
    wholeTimesteps: request.wholeTimesteps,
    keep: original && start.mask && { original, mask: start.mask.latent, soft: softOf(request) },
    handOver,
  });
}

/** A picture's latents under the noise of the first step, and under what is asked for beyond it. */
function noised({ plan, request }: SamplingPass, unit: Float32Array, original: Latent): Latent {
  const { noiseMultiplier, extraNoise } = request;
  const noise = unit.map((v) => v * noiseMultiplier);
  const start = plan.start(noise, original);
  if (extraNoise === 0) return start;
  for (let i = 0; i < start.length; i++) start[i] = start[i]! + extraNoise * noise[i]!;
  return start;
}

/** The unit noise that a pass over a batch begins with, [images, c, h, w]. */
export function firstNoise(job: GenerationJob, pass: SamplingPass, batch: Batch): Float32Array {
  return noiseOf(job, pass, batch).first();
}

export function stepsOf({ plan, request }: SamplingPass): number {
  return plan.cost?.steps ?? request.steps;
}

/** Planes beside the latent; zeros for a network that reads a picture where there is none. */
function extraOf(
  { denoiser, latent }: SamplingPass['model']['parts'],
  extra: Float32Array | undefined,
  [images, , height, width]: BatchShape,
): Float32Array | undefined {
  if (extra) return repeat(extra, images);
  const missing = denoiser.extraInput === 'picture-latent' ? latent.channels : 0;
  return missing > 0 ? new Float32Array(images * missing * height * width) : undefined;
}

/** Of the parts of the prompt, where they have regions. */
function sharesOf({ request, latentSize }: SamplingPass, { cond }: EncodedPrompts): Float32Array[] | undefined {
  const regions = readRegions(request.regions) ?? [];
  if (regions.length !== cond.length || cond.length === 1) return undefined;
  const weights = cond.map(({ weight }) => weight);
  return regionShares(regions, weights, latentSize);
}

/** `hasExtra`: its network is given something of a picture beside the latent. */
export function guidanceOf(pass: SamplingPass, hasExtra: boolean): Guidance {
  const { dynamicThreshold, mimicScale, sMinUncond, ...request } = pass.request;
  const calls = callsOf(pass.request, pass.plan.sampler);
  const readsPicture = hasExtra && pass.model.parts.denoiser.extraInput === 'picture-latent';
  return {
    scale: request.cfgScale,
    rescale: request.cfgRescale,
    perturbed: request.pagScale,
    blurred: request.sagScale,
    imageScale: readsPicture ? request.imageCfgScale : undefined,
    threshold: dynamicThreshold > 0 ? { quantile: dynamicThreshold, mimicScale } : undefined,
    skipBelow: { level: sMinUncond, always: request.sMinUncondAll },
    skipEarly: { fraction: request.skipEarlyCond, calls },
    skipLate: { fraction: request.guidanceEnd, calls },
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
export function repeat(planes: Float32Array, count: number): Float32Array {
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
