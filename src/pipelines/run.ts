/** One job from prompts to pictures, as events; every part is loaded when it is first needed. */

import type { PixelImage } from '#core/image';
import { createNoiseSource } from '#diffusion/noise-source';
import type { Latent } from '#diffusion/numbers';
import { stripComments } from '#prompt/comments';
import { extractExtraNetworks } from '#prompt/extra-networks';
import { autoencoderAdjustment, denoiserAdjustment } from './adjustments.ts';
import {
  type Conditioning,
  encodeComposition,
  encodePrompt,
  type LoadedTextEncoder,
  type WeightedConditioning,
  zeroed,
} from './conditioning.ts';
import { type BatchShape, blendUnmasked } from './denoiser.ts';
import type { Guidance } from './guidance.ts';
import type { GenerationJob } from './job.ts';
import { decodeLatent, imageOfDecoded, previewLatent } from './latents.ts';
import { overlayOriginal } from './mask.ts';
import { layBack } from './only-masked.ts';
import { parametersText } from './parameters-text.ts';
import type { CancelSignal, GenerateEvent } from './request.ts';
import { sampleLatents } from './sampling.ts';
import type { LoadingEvent, ModelSessions } from './sessions.ts';
import { needsEncoder, prepareStart, type StartPicture } from './start.ts';
import { unheeded } from './unheeded.ts';

export interface RunContext {
  readonly sessions: ModelSessions;
  /** Names that stand for textual inversions in prompts. */
  readonly embeddings: readonly string[];
  /** Milliseconds. */
  readonly now: () => number;
  /** As written into the infotext. */
  readonly version: string;
  readonly signal: CancelSignal;
  /** A preview every so many steps; 0 for none. */
  readonly previewEvery: number;
}

interface Prompts {
  readonly cond: readonly WeightedConditioning[];
  readonly uncond: Conditioning;
}

type Events = AsyncGenerator<GenerateEvent, void, undefined>;
type Loading<T> = AsyncGenerator<LoadingEvent, T, undefined>;
type Batch = GenerationJob['batches'][number];

/** Ends early, without an error, once the signal is set. */
export async function* runJob(job: GenerationJob, context: RunContext): Events {
  const { request } = job;
  // Nothing may change: the picture itself, which an encoded and decoded one would not quite be.
  const untouched = request.init !== undefined && request.denoisingStrength === 0;
  yield* warnings(job, context.embeddings);
  const prompts = untouched ? undefined : yield* encodePrompts(job, context);
  if (context.signal.aborted) return;
  const encoder = needsEncoder(job)
    ? yield* context.sessions.encoder(job.latentSize, autoencoderAdjustment(request))
    : undefined;
  const start = await prepareStart(job, encoder);
  const progress = new Progress(stepsOf(job) * job.batches.length, context.now);
  for (const batch of job.batches) {
    if (context.signal.aborted) return;
    const latents = prompts && (yield* sampleBatch(job, context, { start, prompts, batch, progress }));
    const { aborted, keepPartial } = context.signal;
    if (aborted && (!keepPartial || !latents)) return;
    if (aborted) yield { type: 'warning', message: 'Interrupted: the last pictures are as far as they had come.' };
    for (let k = 0; k < batch.count; k++) {
      const image = latents
        ? yield* finishPicture(job, context, start, latents, k)
        : (start.masked?.whole ?? start.original!);
      yield imageEvent(job, context, batch.first + k, image);
      if (context.signal.aborted && !keepPartial) return;
    }
  }
}

function* warnings(job: GenerationJob, embeddings: readonly string[]): Generator<GenerateEvent> {
  for (const message of [...job.model.warnings, ...unheeded(job, embeddings)]) yield { type: 'warning', message };
}

function stepsOf({ plan, request }: GenerationJob): number {
  return plan.cost?.steps ?? request.steps;
}

function imageEvent(job: GenerationJob, { version }: RunContext, index: number, image: PixelImage): GenerateEvent {
  return {
    type: 'image',
    index,
    image,
    seed: job.seeds[index]!,
    subseed: job.variationSeeds[index] ?? 0,
    infotext: parametersText(job, index, version),
    model: job.model.reference,
  };
}

async function* encodePrompts(job: GenerationJob, { sessions }: RunContext): Loading<Prompts> {
  const { request, model, clipSkip } = job;
  const encoders: LoadedTextEncoder[] = [];
  for (const part of model.parts.textEncoders) {
    encoders.push({ part, session: yield* sessions.textEncoder(part, clipSkip) });
  }
  const calls = callsOf(job);
  const options = { encoders, emphasis: request.emphasis, commaBacktrack: request.commaPaddingBacktrack };
  const { prompt } = extractExtraNetworks(stripComments(request.prompt));
  const negative = stripComments(request.negativePrompt);
  const uncond = await encodePrompt(negative, calls, options);
  const isNothing = negative === '' && model.parts.zeroEmptyNegative === true;
  return { cond: await encodeComposition(prompt, calls, options), uncond: isNothing ? zeroed(uncond) : uncond };
}

interface BatchRun {
  readonly start: StartPicture;
  readonly prompts: Prompts;
  readonly batch: Batch;
  readonly progress: Progress;
}

/** Yields steps and previews; returns the final latents, or where it was stopped. */
async function* sampleBatch(
  job: GenerationJob,
  context: RunContext,
  run: BatchRun,
): AsyncGenerator<GenerateEvent, Latent | undefined, undefined> {
  const { signal, previewEvery } = context;
  const steps = stepsOf(job);
  const sampling = yield* startBatch(job, context, run);
  run.progress.begin();
  const batch = job.batches.indexOf(run.batch);
  let latents: Latent | undefined;
  let step = 0;
  for await (const { x, denoised } of sampling) {
    latents = x;
    step++;
    const eta = run.progress.count();
    yield { type: 'step', batch, batches: job.batches.length, step, steps: Math.max(steps, step), eta };
    // Of what is half done the estimate is shown, not the noise around it.
    if (signal.aborted) return signal.keepPartial ? denoised : undefined;
    if (previewEvery > 0 && step % previewEvery === 0 && step < steps) {
      yield { type: 'preview', batch, images: yield* preview(job, context, denoised, run.batch.count) };
    }
  }
  return latents;
}

async function* startBatch(
  job: GenerationJob,
  { sessions }: RunContext,
  { start, prompts, batch }: BatchRun,
): Loading<ReturnType<typeof sampleLatents>> {
  const { request, model, plan, table, latentSize } = job;
  const { parts } = model;
  const session = yield* sessions.denoiser(latentSize, denoiserAdjustment(request));
  const { height, width } = latentSize;
  const shape: BatchShape = [batch.count, parts.latent.channels, height, width];
  const noise = noiseOf(job, batch);
  const unit = noise.first();
  const original = start.latent && repeat(start.latent, batch.count);
  if (original && start.mask && request.maskedContent === 'noise') noiseMasked(original, unit, start.mask.latent);
  return sampleLatents({
    session,
    part: parts.denoiser,
    parts,
    shape,
    size: job.size,
    ...prompts,
    guidance: guidanceOf(job),
    extra: start.extra && repeat(start.extra, batch.count),
    table,
    plan,
    start: plan.start(original ? unit.map((v) => v * request.noiseMultiplier) : unit, original),
    noise,
    keep: original && start.mask && { original, mask: start.mask.latent },
  });
}

function guidanceOf(job: GenerationJob): Guidance {
  const { dynamicThreshold, mimicScale, sMinUncond, ...request } = job.request;
  return {
    scale: request.cfgScale,
    rescale: request.cfgRescale,
    perturbed: request.pagScale,
    threshold: dynamicThreshold > 0 ? { quantile: dynamicThreshold, mimicScale } : undefined,
    skipBelow: { level: sMinUncond, always: request.sMinUncondAll },
    skipEarly: { fraction: request.skipEarlyCond, calls: callsOf(job) },
  };
}

/** Denoiser calls that A1111 counts, of which second-order samplers make two a step. */
function callsOf({ request, plan }: GenerationJob): number {
  return request.steps * (plan.sampler.secondOrder ? 2 : 1);
}

function noiseOf(job: GenerationJob, { first, count }: Batch): ReturnType<typeof createNoiseSource> {
  const { request, model, latentSize } = job;
  const strength = request.subseedStrength;
  const { factor } = model.parts.latent;
  const { seedResizeFromWidth: width, seedResizeFromHeight: height } = request;
  return createNoiseSource({
    kind: request.randomSource,
    seeds: job.seeds.slice(first, first + count),
    shape: [model.parts.latent.channels, latentSize.height, latentSize.width],
    variation: strength > 0 ? { seeds: job.variationSeeds.slice(first, first + count), strength } : undefined,
    resizeFrom:
      width > 0 && height > 0 ? { height: Math.floor(height / factor), width: Math.floor(width / factor) } : undefined,
    etaNoiseSeedDelta: job.plan.sampler.usesSeedDelta ? request.etaNoiseSeedDelta : 0,
  });
}

/** Decodes picture `k` of a batch; what was not to be changed is the original's, to the pixel. */
async function* finishPicture(
  job: GenerationJob,
  context: RunContext,
  { original, mask, latent: kept, masked }: StartPicture,
  latents: Latent,
  k: number,
): Loading<PixelImage> {
  const latent = pick(latents, k, job);
  if (mask && kept) blendUnmasked(latent, kept, mask.latent);
  const image = yield* decode(job, context, latent);
  if (masked) return layBack(image, masked);
  return original && mask ? overlayOriginal(image, original, mask) : image;
}

async function* decode(
  { request, model, latentSize }: GenerationJob,
  { sessions }: RunContext,
  latent: Float32Array,
): Loading<PixelImage> {
  const session = yield* sessions.decoder(latentSize, autoencoderAdjustment(request));
  const { latent: format } = model.parts;
  return imageOfDecoded(await decodeLatent(session, format, latent, latentSize), format, latentSize);
}

/** Small linear estimates where the model has factors for them, else decoded in full. */
async function* preview(
  job: GenerationJob,
  context: RunContext,
  denoised: Latent,
  count: number,
): Loading<PixelImage[]> {
  const { previewFactors } = job.model.parts.latent;
  const images: PixelImage[] = [];
  for (let k = 0; k < count; k++) {
    const latent = pick(denoised, k, job);
    if (previewFactors) images.push(previewLatent(latent, previewFactors, job.latentSize));
    else images.push(yield* decode(job, context, latent));
  }
  return images;
}

/** Steps over all batches, for the time that is left. */
class Progress {
  readonly #total: number;
  readonly #now: () => number;
  #started: number | undefined;
  #done = 0;

  constructor(total: number, now: () => number) {
    this.#total = total;
    this.#now = now;
  }

  /** Starts the clock, once. */
  begin(): void {
    this.#started ??= this.#now();
  }

  /** Counts a step; returns the seconds left. */
  count(): number {
    this.#done++;
    const perStep = (this.#now() - (this.#started ?? 0)) / 1000 / this.#done;
    return perStep * Math.max(this.#total - this.#done, 0);
  }
}

/** A batch of the same planes. */
function repeat(planes: Float32Array, count: number): Float32Array {
  const out = new Float32Array(count * planes.length);
  for (let i = 0; i < count; i++) out.set(planes, i * planes.length);
  return out;
}

/** Latent `k` of a batch, a copy. */
function pick(latents: Latent, k: number, { model, latentSize }: GenerationJob): Float32Array {
  const size = model.parts.latent.channels * latentSize.height * latentSize.width;
  return Float32Array.from(latents.subarray(k * size, (k + 1) * size));
}

/** Puts unit noise where the mask is 1. */
function noiseMasked(latents: Float32Array, noise: Float32Array, mask: Float32Array): void {
  for (let i = 0; i < latents.length; i++) {
    const m = mask[i % mask.length]!;
    latents[i] = latents[i]! * (1 - m) + noise[i]! * m;
  }
}
