/**
 * The picture engine: a request in, events and pictures out. Puts a model's parts together and names no family.
 *
 * The models of the last request stay open; asking for others, or for one whose files were replaced, unloads them. One
 * request at a time.
 */

import { DarkroomError, InternalError, UserError } from '#core/errors';
import type { Backend } from '#engine/backend';
import { EngineError, type EngineFailure } from '#engine/errors';
import { withoutParameters } from '#prompt/infotext-writer';
import { openJobAdapters } from './adapters.ts';
import { runOnnxAnnotator } from './annotators/onnx.ts';
import type { RunAnnotator } from './control/hint.ts';
import { type FindAnnotator, noControls, openJobControls } from './control/units.ts';
import { type FaceNetworks, type FindFaceNetworks, restoreFaces } from './faces/restore.ts';
import { hiresRequest } from './hires.ts';
import { checkRequest, type GenerationJob, type OpenedModels, planJob, wantsHires } from './job.ts';
import type { HostMemory } from './memory/host-memory.ts';
import { costsOf, describePlan, type JobMemory, planJobMemory, smallestPlan } from './memory/job-memory.ts';
import type { NeedContext } from './memory/need.ts';
import type { ModelRequest, OpenModel, PipelineModel } from './model.ts';
import { NonFiniteError } from './non-finite.ts';
import { OpenModels } from './open-models.ts';
import type { GenerateEvent, GenerateOptions, GenerateRequest, MemoryEvent, PictureEngine } from './request.ts';
import { type RunContext, runJob } from './run.ts';
import type { LoadingEvent } from './sessions.ts';
import { drawTiled, wantsTiles } from './tiled-upscale.ts';
import { toldBetween } from './told-between.ts';
import { runUpscale, type UpscaleRequest } from './upscale/request.ts';
import { type OpenUpscaler, Upscalers } from './upscale/upscalers.ts';

export interface PictureEngineOptions {
  readonly backend: Backend;
  readonly openModel: OpenModel;
  /** Default: there is none. */
  readonly openUpscaler?: OpenUpscaler;
  /** Annotators that the user put into the models' folder. Default none. */
  readonly findAnnotator?: FindAnnotator;
  /** Networks for faces that the user put into the models' folders. Default none. */
  readonly findFaceNetworks?: FindFaceNetworks;
  /** The upscaler for a factor where a request names none. Default Lanczos. */
  readonly defaultUpscaler?: (by: number) => string;
  /** Milliseconds of a clock that never goes back. Default Date.now. */
  readonly now?: () => number;
  /** A seed for requests that leave it open. Default: uniform below 2^32. */
  readonly drawSeed?: () => number;
  /** As written into the infotext. */
  readonly version?: string;
  /** Bytes that may be spent on faster forms of weights. Default 0. */
  readonly memoryBudget?: number;
  /** Jobs are fitted into it where it is given. */
  readonly memory?: HostMemory | undefined;
  /** What the backend has warned of since it was last asked; the job that runs then tells it. */
  readonly takeWarnings?: () => readonly string[];
}

/** Disposing the engine disposes the backend. */
export function createPictureEngine(options: PictureEngineOptions): PictureEngine {
  return new LocalPictureEngine(options);
}

class LocalPictureEngine implements PictureEngine {
  readonly #options: PictureEngineOptions;
  readonly #models: OpenModels;
  readonly #upscalers: Upscalers;
  readonly #takeWarnings: () => readonly string[];
  #busy = false;
  /** Of the request at hand: as little memory at once as can be had. */
  #inSmallestParts = false;

  constructor(options: PictureEngineOptions) {
    this.#options = options;
    this.#takeWarnings = options.takeWarnings ?? (() => []);
    this.#models = new OpenModels(options.backend, options.openModel, options.memoryBudget);
    this.#upscalers = new Upscalers(options.backend, options.openUpscaler ?? noUpscaler);
  }

  generate(request: GenerateRequest, options: GenerateOptions = {}): AsyncGenerator<GenerateEvent> {
    return toldBetween(this.#generate(request, options), this.#takeWarnings);
  }

  upscale(request: UpscaleRequest, options: GenerateOptions = {}): AsyncGenerator<GenerateEvent> {
    return toldBetween(this.#upscale(request, options), this.#takeWarnings);
  }

  async *#generate(request: GenerateRequest, options: GenerateOptions): AsyncGenerator<GenerateEvent> {
    if (this.#busy) throw new InternalError('an engine was given a second request before the first had ended');
    this.#busy = true;
    const drawn = new Set<number>();
    const replay = remembered(this.#options.drawSeed ?? drawSeed32);
    this.#inSmallestParts = options.inSmallestParts ?? false;
    try {
      for await (const event of this.#drawFaces(request, options, replay())) {
        if (event.type === 'image') drawn.add(event.index);
        yield event;
      }
    } catch (error) {
      const remedy = error instanceof EngineError ? remedies[error.failure] : undefined;
      if (!remedy || (remedy.inSmallestParts && this.#inSmallestParts)) throw error;
      yield { type: 'warning', message: `${(error as EngineError).message}; ${remedy.told}.` };
      this.#inSmallestParts = remedy.inSmallestParts;
      await this.#models.dispose();
      for await (const event of this.#drawFaces(request, options, replay())) {
        if (event.type !== 'image' || !drawn.has(event.index)) yield event;
      }
    } finally {
      this.#busy = false;
    }
  }

  /** The faces of finished pictures drawn anew where that is asked for and can be done. */
  async *#drawFaces(
    request: GenerateRequest,
    options: GenerateOptions,
    drawSeed: () => number,
  ): AsyncGenerator<GenerateEvent> {
    if (!request.restoreFaces) return yield* this.#drawAny(request, options, drawSeed);
    const { backend, findFaceNetworks = noFaces } = this.#options;
    const found = await orReason(() => findFaceNetworks(request.faceRestorer));
    if ('reason' in found) {
      yield { type: 'warning', message: `Restoring faces is left out: ${found.reason}` };
      return yield* this.#drawAny({ ...request, restoreFaces: false }, options, drawSeed);
    }
    const { value: networks } = found;
    const named = { ...request, faceRestorer: networks.restorer.name };
    for await (const event of this.#drawAny(named, options, drawSeed)) {
      if (event.type === 'image') yield* withFaces(event, backend, networks, request.faceFidelity);
      else yield event;
    }
  }

  /** In tiles where that is asked for. */
  async *#drawAny(
    request: GenerateRequest,
    options: GenerateOptions,
    drawSeed: () => number,
  ): AsyncGenerator<GenerateEvent> {
    if (!wantsTiles(request)) return yield* this.#draw(request, options, drawSeed);
    checkRequest(request);
    const { model } = yield* this.#open({ ...request, sdUpscale: 1 });
    const { defaultUpscaler = () => 'Lanczos' } = this.#options;
    yield* drawTiled(request, {
      upscalers: this.#upscalers,
      defaultUpscaler,
      tileSize: model.parts.limits.defaultSize,
      signal: options.signal,
      draw: (tile) => this.#draw(tile, options, drawSeed),
      drawSeed,
    });
  }

  async *#draw(
    request: GenerateRequest,
    { signal, takeSkip, previewEvery = 0 }: GenerateOptions,
    drawSeed: () => number,
  ): AsyncGenerator<GenerateEvent> {
    const { now = Date.now, version = 'Darkroom' } = this.#options;
    try {
      checkRequest(request);
      const job = planJob(request, yield* this.#open(request, previewEvery > 0), drawSeed);
      yield* this.#fit(job);
      const [models, upscalers] = [this.#models, this.#upscalers];
      const sessions: RunContext['sessions'] = (model, adapters) => models.sessions(model, adapters);
      const runAnnotator: RunAnnotator = (...order) => runOnnxAnnotator(this.#options.backend, ...order);
      yield* runJob(job, { sessions, upscalers, runAnnotator, now, version, signal, takeSkip, previewEvery });
    } catch (error) {
      throw error instanceof NonFiniteError ? await this.#explain(error) : error;
    }
  }

  get #needs(): NeedContext {
    return { backend: this.#options.backend, upscalers: this.#upscalers };
  }

  async estimate(request: GenerateRequest): Promise<MemoryEvent | undefined> {
    const { memory, drawSeed = drawSeed32 } = this.#options;
    if (!memory) return undefined;
    checkRequest(request);
    const opening = this.#open(request);
    let opened = await opening.next();
    while (!opened.done) opened = await opening.next();
    return memoryEvent(await planJobMemory(planJob(request, opened.value, drawSeed), this.#needs, memory));
  }

  /** Says what the job takes, and has the sessions keep within what there is. */
  async *#fit(job: GenerationJob): AsyncGenerator<GenerateEvent> {
    const { memory } = this.#options;
    if (this.#inSmallestParts) {
      const plan = await smallestPlan(job, this.#needs);
      this.#models.usePlan(plan);
      for (const message of costsOf(plan)) yield { type: 'warning', message };
      return;
    }
    const planned = memory && (await planJobMemory(job, this.#needs, memory));
    this.#models.usePlan(planned?.plan);
    if (!planned) return;
    yield memoryEvent(planned);
    for (const message of planned.warnings) yield { type: 'warning', message };
  }

  async *#upscale(request: UpscaleRequest, options: GenerateOptions): AsyncGenerator<GenerateEvent> {
    if (this.#busy) throw new InternalError('an engine was given a second request before the first had ended');
    this.#busy = true;
    const { backend, defaultUpscaler = () => 'Lanczos', findFaceNetworks = noFaces, memory } = this.#options;
    const faces = { backend, find: findFaceNetworks };
    try {
      yield* runUpscale(request, { ...options, upscalers: this.#upscalers, defaultUpscaler, memory, faces });
    } finally {
      this.#busy = false;
    }
  }

  async dispose(): Promise<void> {
    await this.#models.dispose();
    await this.#upscalers.dispose();
    await this.#options.backend.dispose();
  }

  /** The models of every pass, with their adapters; those of an earlier request that this one has no use for go. */
  async *#open(request: GenerateRequest, previews = false): AsyncGenerator<LoadingEvent, OpenedModels, undefined> {
    const { model, vae, hiresModel = model, refiner } = request;
    this.#models.begin();
    const models = this.#models;
    const { findAnnotator } = this.#options;
    const open = async function* (of: ModelRequest, read: GenerateRequest, guided = true) {
      const found = yield* models.open(of);
      const controls = guided ? await openJobControls(read, found, findAnnotator) : noControls;
      const adapters = await openJobAdapters(read, found);
      return { model: found, adapters, controls, tiny: await openTiny(read, found, previews) };
    };
    const textEncoders = namesIn(request.textEncoders);
    const first = yield* open({ model, vae, textEncoders }, request);
    const hires = wantsHires(request)
      ? yield* open({ model: hiresModel, vae, textEncoders }, hiresRequest(request))
      : undefined;
    const second = refiner === undefined ? undefined : yield* open({ model: refiner, vae }, request, false);
    await this.#models.end();
    return { ...first, hires, refiner: second };
  }

  /** Says whether the weights are to blame. */
  async #explain(error: NonFiniteError): Promise<DarkroomError> {
    const model = this.#models.last;
    const names = (await model?.findNonFinite?.(error.component)) ?? [];
    if (names.length === 0) {
      const advice = 'Try another sampler, a lower CFG scale, or another VAE.';
      return new DarkroomError(error.code, `${error.message} ${advice}`, { cause: error });
    }
    const shown = names.slice(0, 3).join(', ') + (names.length > 3 ? ` and ${names.length - 3} more` : '');
    const isVae = error.component === model?.parts.autoencoder.component;
    const file = (isVae && model?.vae?.name) || 'The model file';
    const message = `${error.message} ${file} is damaged: NaN or infinity in ${shown}. Get the file again.`;
    return new UserError(error.code, message, { cause: error });
  }
}

function memoryEvent(planned: JobMemory): MemoryEvent {
  return { type: 'memory', peak: planned.estimate.peak, limit: planned.limit, plan: describePlan(planned) };
}

/** Names with commas between them. */
function namesIn(list: string): string[] {
  return list
    .split(',')
    .map((name) => name.trim())
    .filter(Boolean);
}

/** What is tried once where a device has failed, and what is said of it. */
const remedies: Partial<Record<EngineFailure, { readonly told: string; readonly inSmallestParts: boolean }>> = {
  lost: { told: 'everything is loaded again, and it is drawn once more', inSmallestParts: false },
  'out-of-memory': { told: 'it is drawn once more, in the smallest parts', inSmallestParts: true },
};

/** Each call gives a source that starts over with the numbers that were drawn before. */
function remembered(draw: () => number): () => () => number {
  const drawn: number[] = [];
  return () => {
    let next = 0;
    return () => {
      drawn[next] ??= draw();
      return drawn[next++]!;
    };
  };
}

function drawSeed32(): number {
  return Math.floor(Math.random() * 2 ** 32);
}

const noUpscaler: OpenUpscaler = (name) => {
  throw new UserError('upscaler.unknown', `There is no upscaler ${JSON.stringify(name)}.`);
};

/** @throws UserError `vae.no-taesd` where a request asks for one that is not there */
async function openTiny(request: GenerateRequest, model: PipelineModel, previews: boolean) {
  const halves = [request.vaeEncoder === 'TAESD' && 'encoder', request.vaeDecoder === 'TAESD' && 'decoder'] as const;
  const wanted = halves.filter((half) => half !== false);
  if (wanted.length === 0 && !previews) return undefined;
  const tiny = await model.openTiny?.();
  const missing = wanted.find((half) => tiny?.[half] === undefined);
  if (missing === undefined) return tiny;
  const message = `There is no tiny ${missing} (TAESD) for ${model.reference.name}; put its file into models/vae_approx, or set the VAE ${missing} to Full.`;
  throw new UserError('vae.no-taesd', message);
}

/** A picture with its faces drawn anew; as it was, with a word, where that cannot be done: it is not lost for that. */
async function* withFaces(
  event: Extract<GenerateEvent, { type: 'image' }>,
  backend: Backend,
  networks: FaceNetworks,
  fidelity: number,
): AsyncGenerator<GenerateEvent> {
  const restored = await orReason(() => restoreFaces(backend, networks, event.image, { visibility: 1, fidelity }));
  if ('reason' in restored) {
    yield { type: 'warning', message: `Restoring faces is left out: ${restored.reason}` };
    yield { ...event, infotext: withoutParameters(event.infotext, ['Face restoration', 'Face fidelity']) };
    return;
  }
  const { image, faces } = restored.value;
  if (faces === 0) yield { type: 'warning', message: 'No face was found that could be restored.' };
  yield { ...event, image };
}

async function noFaces(name: string): Promise<never> {
  throw new UserError('faces.restorer', `There is no restorer of faces ${JSON.stringify(name)}.`);
}

/** Why something of the user's cannot be had, or what it is. */
async function orReason<T>(work: () => Promise<T>): Promise<{ readonly value: T } | { readonly reason: string }> {
  try {
    return { value: await work() };
  } catch (error) {
    if (error instanceof UserError) return { reason: error.message };
    throw error;
  }
}
