/**
 * The picture engine: a request in, events and pictures out. Puts a model's parts together and names no family.
 *
 * One model stays loaded; asking for another unloads it. One request at a time.
 */

import { DarkroomError, InternalError, UserError } from '#core/errors';
import type { PixelImage } from '#core/image';
import { createNoiseSource } from '#diffusion/noise-source';
import type { Latent } from '#diffusion/numbers';
import type { Backend } from '#engine/backend';
import { createClipTokenizer, type Tokenizer } from '#prompt/tokenizer';
import { type Conditioning, encodePrompt, type LoadedTextEncoder } from './conditioning.ts';
import { type BatchShape, blendUnmasked, NonFiniteError } from './denoiser.ts';
import { checkRequest, type GenerationJob, planJob } from './job.ts';
import { decodeLatent, imageOfDecoded, previewLatent } from './latents.ts';
import { overlayOriginal } from './mask.ts';
import type { OpenModel } from './model.ts';
import { parametersText } from './parameters-text.ts';
import type { GenerateEvent, GenerateOptions, GenerateRequest, PictureEngine } from './request.ts';
import { sampleLatents } from './sampling.ts';
import { type LoadingEvent, ModelSessions } from './sessions.ts';
import { needsEncoder, prepareStart, type StartPicture } from './start.ts';

export interface PictureEngineOptions {
  readonly backend: Backend;
  readonly openModel: OpenModel;
  /** Default: CLIP's. */
  readonly tokenizer?: Tokenizer;
  /** Milliseconds of a clock that never goes back. Default Date.now. */
  readonly now?: () => number;
  /** A seed for requests that leave it open. Default: uniform below 2^32. */
  readonly drawSeed?: () => number;
  /** As written into the infotext. */
  readonly version?: string;
}

/** Disposing the engine disposes the backend. */
export function createPictureEngine(options: PictureEngineOptions): PictureEngine {
  return new LocalPictureEngine(options);
}

interface Prompts {
  readonly cond: Conditioning;
  readonly uncond: Conditioning;
}

/** Steps over all batches, for the time that is left. */
interface Progress {
  readonly started: number;
  done: number;
  readonly total: number;
}

class LocalPictureEngine implements PictureEngine {
  readonly #options: PictureEngineOptions;
  readonly #tokenizer: Tokenizer;
  readonly #now: () => number;
  #sessions: ModelSessions | undefined;
  #modelKey = '';
  #busy = false;

  constructor(options: PictureEngineOptions) {
    this.#options = options;
    this.#tokenizer = options.tokenizer ?? createClipTokenizer();
    this.#now = options.now ?? Date.now;
  }

  async *generate(request: GenerateRequest, options: GenerateOptions = {}): AsyncGenerator<GenerateEvent> {
    if (this.#busy) throw new InternalError('an engine was given a second request before the first had ended');
    this.#busy = true;
    try {
      checkRequest(request);
      const sessions = yield* this.#openModel(request);
      const { drawSeed = () => Math.floor(Math.random() * 2 ** 32), version = 'Darkroom' } = this.#options;
      const job = planJob(request, sessions.model, drawSeed);
      for (const message of sessions.model.warnings) yield { type: 'warning', message };
      yield* this.#run(job, sessions, options, version);
    } catch (error) {
      throw error instanceof NonFiniteError ? await this.#explain(error) : error;
    } finally {
      this.#busy = false;
    }
  }

  async dispose(): Promise<void> {
    await this.#sessions?.dispose();
    this.#sessions = undefined;
    await this.#options.backend.dispose();
  }

  async *#openModel({ model, vae }: GenerateRequest): AsyncGenerator<LoadingEvent, ModelSessions, undefined> {
    const key = JSON.stringify([model, vae]);
    if (this.#sessions && this.#modelKey === key) return this.#sessions;
    yield { type: 'loading', part: 'model' };
    const opened = await this.#options.openModel({ model, vae });
    await this.#sessions?.dispose();
    this.#sessions = new ModelSessions(this.#options.backend, opened);
    this.#modelKey = key;
    return this.#sessions;
  }

  async *#run(
    job: GenerationJob,
    sessions: ModelSessions,
    { signal, previewEvery = 0 }: GenerateOptions,
    version: string,
  ): AsyncGenerator<GenerateEvent> {
    const { request, plan, batches } = job;
    const untouched = request.init !== undefined && request.denoisingStrength === 0;
    const prompts = untouched ? undefined : yield* this.#encodePrompts(job, sessions);
    if (signal?.aborted) return;
    const encoder = needsEncoder(job) ? yield* sessions.encoder(job.latentSize) : undefined;
    const start = await prepareStart(job, encoder);
    const steps = plan.cost?.steps ?? request.steps;
    let progress: Progress | undefined;
    for (const [batch, { first, count }] of batches.entries()) {
      if (signal?.aborted) return;
      let latents: Latent | undefined;
      if (prompts) {
        const run = yield* this.#startBatch(job, sessions, start, prompts, first, count);
        progress ??= { started: this.#now(), done: 0, total: steps * batches.length };
        let step = 0;
        for await (const { x, denoised } of run) {
          latents = x;
          step++;
          progress.done++;
          const eta = remaining(progress, this.#now());
          yield { type: 'step', batch, batches: batches.length, step, steps: Math.max(steps, step), eta };
          if (signal?.aborted) return;
          if (previewEvery > 0 && step % previewEvery === 0 && step < steps) {
            yield { type: 'preview', batch, images: yield* this.#preview(job, sessions, denoised, count) };
          }
        }
      }
      for (let k = 0; k < count; k++) {
        const image = latents ? yield* this.#finish(job, sessions, start, latents, k) : start.original!;
        const index = first + k;
        yield {
          type: 'image',
          index,
          image,
          seed: job.seeds[index]!,
          subseed: job.variationSeeds[index] ?? 0,
          infotext: parametersText(job, index, version),
          model: job.model.reference,
        };
        if (signal?.aborted) return;
      }
    }
  }

  async *#encodePrompts(
    { request, model, plan }: GenerationJob,
    sessions: ModelSessions,
  ): AsyncGenerator<LoadingEvent, Prompts, undefined> {
    const encoders: LoadedTextEncoder[] = [];
    const clipSkip = Math.min(request.clipSkip, model.parts.limits.maxClipSkip);
    for (const part of model.parts.textEncoders) {
      encoders.push({ part, session: yield* sessions.textEncoder(part, clipSkip) });
    }
    const { cost } = plan;
    // Prompt editing counts denoiser calls, of which second-order samplers make two a step.
    const perStep = cost && cost.evaluations > 1.5 * cost.steps ? 2 : 1;
    const options = { encoders, tokenizer: this.#tokenizer, emphasis: request.emphasis };
    const calls = request.steps * perStep;
    const cond = await encodePrompt(request.prompt, calls, options);
    const uncond = request.cfgScale === 1 ? cond : await encodePrompt(request.negativePrompt, calls, options);
    return { cond, uncond };
  }

  async *#startBatch(
    job: GenerationJob,
    sessions: ModelSessions,
    start: StartPicture,
    { cond, uncond }: Prompts,
    first: number,
    count: number,
  ): AsyncGenerator<LoadingEvent, ReturnType<typeof sampleLatents>, undefined> {
    const { request, model, plan, table, latentSize } = job;
    const { parts } = model;
    const session = yield* sessions.denoiser(latentSize);
    const shape: BatchShape = [count, parts.latent.channels, latentSize.height, latentSize.width];
    const strength = request.subseedStrength;
    const noise = createNoiseSource({
      kind: request.randomSource,
      seeds: job.seeds.slice(first, first + count),
      shape: [shape[1], shape[2], shape[3]],
      ...(strength > 0 && { variation: { seeds: job.variationSeeds.slice(first, first + count), strength } }),
    });
    const unit = noise.first();
    const original = start.latent && repeat(start.latent, count);
    if (original && start.mask && request.maskedContent === 'noise') noiseMasked(original, unit, start.mask.latent);
    return sampleLatents({
      session,
      part: parts.denoiser,
      parts,
      shape,
      cond,
      uncond,
      cfgScale: request.cfgScale,
      extra: start.extra && repeat(start.extra, count),
      table,
      plan,
      start: plan.start(unit, original),
      noise,
      keep: original && start.mask && { original, mask: start.mask.latent },
    });
  }

  /** Decodes picture `k` of a batch; what was not to be changed is the original's, to the pixel. */
  async *#finish(
    job: GenerationJob,
    sessions: ModelSessions,
    { original, mask, latent: kept }: StartPicture,
    latents: Latent,
    k: number,
  ): AsyncGenerator<LoadingEvent, PixelImage, undefined> {
    const latent = pick(latents, k, job);
    if (mask && kept) blendUnmasked(latent, kept, mask.latent);
    const image = yield* this.#decode(job, sessions, latent);
    return original && mask ? overlayOriginal(image, original, mask) : image;
  }

  async *#decode(
    { model, latentSize }: GenerationJob,
    sessions: ModelSessions,
    latent: Float32Array,
  ): AsyncGenerator<LoadingEvent, PixelImage, undefined> {
    const session = yield* sessions.decoder(latentSize);
    const { latent: format } = model.parts;
    return imageOfDecoded(await decodeLatent(session, format, latent, latentSize), format, latentSize);
  }

  /** Small linear estimates where the model has factors for them, else decoded in full. */
  async *#preview(
    job: GenerationJob,
    sessions: ModelSessions,
    denoised: Latent,
    count: number,
  ): AsyncGenerator<LoadingEvent, PixelImage[], undefined> {
    const { previewFactors } = job.model.parts.latent;
    const images: PixelImage[] = [];
    for (let k = 0; k < count; k++) {
      const latent = pick(denoised, k, job);
      images.push(
        previewFactors
          ? previewLatent(latent, previewFactors, job.latentSize)
          : yield* this.#decode(job, sessions, latent),
      );
    }
    return images;
  }

  async #explain(error: NonFiniteError): Promise<DarkroomError> {
    const model = this.#sessions?.model;
    const names = (await model?.findNonFinite?.(error.component)) ?? [];
    if (names.length === 0) {
      const advice = 'Try another sampler, a lower CFG scale, or another VAE.';
      return new DarkroomError(error.code, `${error.message} ${advice}`, { cause: error });
    }
    const shown = names.slice(0, 3).join(', ') + (names.length > 3 ? ` and ${names.length - 3} more` : '');
    const message = `${error.message} The model file is damaged: weights hold NaN or infinity in ${shown}. Get the file again.`;
    return new UserError(error.code, message, { cause: error });
  }
}

function remaining({ started, done, total }: Progress, now: number): number {
  return ((now - started) / 1000 / done) * Math.max(total - done, 0);
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
