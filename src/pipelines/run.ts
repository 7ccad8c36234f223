/** One job from prompts to pictures, as events: batch after batch, pass after pass; parts are loaded when first needed. */

import type { PixelImage } from '#core/image';
import type { Latent } from '#diffusion/numbers';
import type { CombinedAdapters } from '#models/adapters/combine';
import { encoderOf } from './autoencoding.ts';
import type { RunAnnotator } from './control/hint.ts';
import { type PreparedControl, prepareControl } from './control/prepare.ts';
import { finishPicture, previews } from './decode.ts';
import { type EncodedPrompts, encodePrompts } from './encode-prompts.ts';
import { enlarge, enlargeGiven } from './enlarge.ts';
import type { Batch, GenerationJob, SamplingPass } from './job.ts';
import type { PipelineModel } from './model.ts';
import { parametersText } from './parameters-text.ts';
import { firstNoise, repeat, stageOf, startPass, stepsOf } from './pass-sampling.ts';
import { type GenerateEvent, keepPartial } from './request.ts';
import type { SamplingStage } from './sampling.ts';
import type { LoadingEvent, ModelSessions } from './sessions.ts';
import { emptyMaskInput, needsEncoder, ownCells, prepareStart, type StartPicture } from './start.ts';
import { TimeLeft } from './time-left.ts';
import { traceForward, traceStep } from './trace.ts';
import { unheeded } from './unheeded.ts';
import type { Upscalers } from './upscale/upscalers.ts';

export interface RunContext {
  /** The compiled parts of a model, with these adapters acting. */
  sessions(model: PipelineModel, adapters: CombinedAdapters): Promise<ModelSessions>;
  readonly upscalers: Upscalers;
  readonly runAnnotator: RunAnnotator;
  /** Milliseconds. */
  readonly now: () => number;
  /** As written into the infotext. */
  readonly version: string;
  readonly signal: AbortSignal | undefined;
  /** Whether the batch at hand ends where it is. */
  readonly takeSkip: (() => boolean) | undefined;
  /** A preview every so many steps; 0 for none. */
  readonly previewEvery: number;
}

type Events<T = void> = AsyncGenerator<GenerateEvent, T, undefined>;
type Loading<T> = AsyncGenerator<LoadingEvent, T, undefined>;

/** What a pass has made of a batch. */
interface Made {
  readonly pass: SamplingPass;
  readonly start: StartPicture;
  readonly latents: Latent;
}

/** Ends early, without an error, once the signal is set. */
export function runJob(job: GenerationJob, context: RunContext): Events {
  return new JobRun(job, context).run();
}

class JobRun {
  readonly #job: GenerationJob;
  readonly #context: RunContext;
  readonly #time: TimeLeft;
  readonly #prompts = new Map<SamplingPass, EncodedPrompts>();
  /** Kept while no other pass needs their places. */
  readonly #controls = new Map<SamplingPass, PreparedControl>();
  /** The batch at hand ends where it is. */
  #skipped = false;

  constructor(job: GenerationJob, context: RunContext) {
    this.#job = job;
    this.#context = context;
    this.#time = new TimeLeft(this.#steps * job.batches.length, context.now);
  }

  async *run(): Events {
    const { request, model, batches } = this.#job;
    for (const message of [...model.warnings, ...unheeded(this.#job)]) yield { type: 'warning', message };
    // Nothing may change: the picture itself, which an encoded and decoded one would not quite be.
    const untouched = request.init !== undefined && request.denoisingStrength === 0 && !this.#job.passes[0]!.enlarge;
    if (!untouched) yield* this.#encode(this.#job.passes[0]!);
    if (this.#stopped) return;
    const start = yield* this.#firstStart();
    if (!start) return;
    for (const batch of batches) {
      if (this.#stopped) return;
      // One that came while the batch before was decoded is too late for it, and not meant for this one.
      this.#context.takeSkip?.();
      this.#skipped = false;
      const made = untouched ? undefined : yield* this.#passes(batch, start);
      if (!untouched && !made) return;
      if (this.#stopped)
        yield { type: 'warning', message: 'Interrupted: the last pictures are as far as they had come.' };
      else if (this.#skipped) yield { type: 'warning', message: skippedMessage(batch) };
      if (made && this.#traces(batch) && !this.#ended) {
        const { pass, latents } = made;
        const noise = firstNoise(this.#job, pass, batch);
        yield* traceForward(pass, await this.#sessions(pass), this.#userLatent(made) ?? latents, noise);
      }
      for (let k = 0; k < batch.count; k++) {
        const image = made ? yield* this.#finish(made, k) : (start.masked?.whole ?? start.original!);
        yield this.#imageEvent(batch.first + k, image);
        if (this.#dropped) return;
      }
    }
  }

  get #stopped(): boolean {
    return this.#context.signal?.aborted === true;
  }

  /** Stopped, and what is half done is not wanted. */
  get #dropped(): boolean {
    return this.#stopped && this.#context.signal?.reason !== keepPartial;
  }

  /** The batch at hand goes no further. */
  get #ended(): boolean {
    return this.#stopped || this.#skipped;
  }

  /** Of a batch. */
  get #steps(): number {
    return this.#job.passes.reduce((steps, pass) => steps + stepsOf(pass), 0);
  }

  async #sessions({ model, adapters }: SamplingPass): Promise<ModelSessions> {
    return await this.#context.sessions(model, adapters.combined);
  }

  /** Undefined where it was stopped meanwhile. */
  async *#firstStart(): Events<StartPicture | undefined> {
    const [pass] = this.#job.passes as [SamplingPass];
    if (pass.enlarge) {
      const { upscalers, signal } = this.#context;
      const sessions = (of: SamplingPass) => this.#sessions(of);
      return yield* enlargeGiven(pass, this.#job.request.init!, { sessions, upscalers, signal });
    }
    if (!needsEncoder(pass)) return {};
    const sessions = await this.#sessions(pass);
    return await prepareStart(pass, yield* encoderOf(pass, sessions, ownCells(pass)));
  }

  /** What the last pass made, or the one in which it was interrupted; undefined where nothing is to be shown. */
  async *#passes(batch: Batch, first: StartPicture): Events<Made | undefined> {
    let made: Made | undefined;
    let stepsBefore = 0;
    for (const pass of this.#job.passes) {
      const start: StartPicture | undefined = made ? yield* this.#enlarged(pass, made, batch) : first;
      if (!start) return this.#dropped ? undefined : made;
      // Nothing may change: what was enlarged is the result.
      const still = pass.enlarge !== undefined && pass.request.denoisingStrength === 0;
      const next: Made | undefined = still
        ? { pass, start, latents: start.latents ?? repeat(start.latent!, batch.count) }
        : yield* this.#sample(pass, { batch, start, stepsBefore });
      if (!next || this.#dropped) return undefined;
      made = next;
      if (this.#ended) return made;
      stepsBefore += stepsOf(pass);
    }
    return made;
  }

  async *#enlarged(
    pass: SamplingPass,
    { pass: before, latents }: Made,
    batch: Batch,
  ): Events<StartPicture | undefined> {
    const { upscalers, signal } = this.#context;
    const sessions = (of: SamplingPass) => this.#sessions(of);
    return yield* enlarge(pass, { before, latents, count: batch.count, sessions, upscalers, signal });
  }

  /** Yields steps and previews; returns the final latents, or where it was stopped. */
  async *#sample(
    pass: SamplingPass,
    { batch, start, stepsBefore }: { batch: Batch; start: StartPicture; stepsBefore: number },
  ): Events<Made | undefined> {
    const { previewEvery } = this.#context;
    const { batches } = this.#job;
    const prompts = yield* this.#encode(pass);
    const sessions = await this.#sessions(pass);
    const relay = new Relay(pass);
    const handOver = pass.handOver && {
      at: pass.handOver.at,
      next: () => relay.take(pass.handOver!.pass, this.#stage(pass.handOver!.pass, batch)),
    };
    const control = yield* this.#control(pass, sessions, start);
    const sampling = yield* startPass(this.#job, pass, { sessions, start, prompts, control, batch, handOver });
    if (this.#traces(batch) && stepsBefore === 0 && !start.latent) yield* this.#traceNoise(pass, sessions, batch);
    this.#time.begin();
    const place = { batch: batches.indexOf(batch), batches: batches.length };
    let latents: Latent | undefined;
    let step = stepsBefore;
    for await (const { x, denoised, sigma } of sampling) {
      latents = x;
      step++;
      yield* relay.told();
      yield { type: 'step', ...place, step, steps: Math.max(this.#steps, step), eta: this.#time.count() };
      if (this.#traces(batch)) {
        yield* traceStep(relay.pass, await this.#sessions(relay.pass), { step, sigma, x, denoised });
      }
      // Of what is half done the estimate is shown, not the noise around it.
      if (this.#context.takeSkip?.()) {
        this.#skipped = true;
        this.#time.skip(this.#steps - step);
      }
      if (this.#ended) return this.#dropped ? undefined : { pass: relay.pass, start, latents: denoised };
      if (previewEvery > 0 && step % previewEvery === 0 && step < this.#steps) {
        const images = yield* previews(relay.pass, await this.#sessions(relay.pass), denoised, batch.count);
        yield { type: 'preview', batch: place.batch, images };
      }
    }
    return latents && { pass: relay.pass, start, latents };
  }

  /** Of the picture that the user gave to begin with, at the size of what was made of it. */
  #userLatent({ start: { latent }, latents }: Made): Latent | undefined {
    const { request, passes } = this.#job;
    const isSame = request.init !== undefined && passes.length === 1 && latent && latents.length % latent.length === 0;
    return isSame ? latent : undefined;
  }

  /** The first picture's steps are shown, if any are. */
  #traces(batch: Batch): boolean {
    return this.#job.request.keepSteps && batch.first === 0;
  }

  async *#traceNoise(pass: SamplingPass, sessions: ModelSessions, batch: Batch): Events {
    const x = pass.plan.start(firstNoise(this.#job, pass, batch));
    const sigma = pass.plan.schedule.sigmas[0] ?? 0;
    yield* traceStep(pass, sessions, { step: 0, sigma, x });
  }

  /** The network that takes over. */
  async *#stage(pass: SamplingPass, batch: Batch): Loading<SamplingStage> {
    const prompts = yield* this.#encode(pass);
    const sessions = await this.#sessions(pass);
    const extra = yield* emptyMaskInput(pass, sessions);
    return yield* stageOf(pass, { sessions, prompts, control: undefined, batch }, extra);
  }

  async *#control(
    pass: SamplingPass,
    sessions: ModelSessions,
    start: StartPicture,
  ): Loading<PreparedControl | undefined> {
    const known = this.#controls.get(pass);
    if (known) return known;
    const { runAnnotator } = this.#context;
    const steps = { steps: stepsOf(pass), callsPerStep: pass.plan.sampler.secondOrder ? 2 : 1 };
    const control = yield* prepareControl(pass, { sessions, start, runAnnotator, ...steps });
    if (control && this.#job.passes.length === 1) this.#controls.set(pass, control);
    return control;
  }

  async *#encode(pass: SamplingPass): Loading<EncodedPrompts> {
    const known = this.#prompts.get(pass);
    if (known) return known;
    const prompts = yield* encodePrompts(pass, await this.#sessions(pass));
    this.#prompts.set(pass, prompts);
    return prompts;
  }

  async *#finish({ pass, start, latents }: Made, k: number): Loading<PixelImage> {
    const sessions = await this.#sessions(pass);
    await sessions.beforeDecoding();
    return yield* finishPicture(pass, sessions, start, latents, k);
  }

  #imageEvent(index: number, image: PixelImage): GenerateEvent {
    const { seeds, variationSeeds, model } = this.#job;
    return {
      type: 'image',
      index,
      image,
      seed: seeds[index]!,
      subseed: variationSeeds[index] ?? 0,
      infotext: parametersText(this.#job, index, this.#context.version),
      model: model.reference,
    };
  }
}

function skippedMessage({ first, count }: Batch): string {
  if (count === 1) return `Skipped: picture ${first + 1} is as far as it had come.`;
  return `Skipped: pictures ${first + 1} to ${first + count} are as far as they had come.`;
}

/** Who has the latent in hand; what is loaded for the one who takes over is told with the next step. */
class Relay {
  pass: SamplingPass;
  readonly #told: LoadingEvent[] = [];

  constructor(pass: SamplingPass) {
    this.pass = pass;
  }

  async take(pass: SamplingPass, stage: Loading<SamplingStage>): Promise<SamplingStage> {
    let step = await stage.next();
    for (; !step.done; step = await stage.next()) this.#told.push(step.value);
    this.pass = pass;
    return step.value;
  }

  *told(): Generator<LoadingEvent> {
    yield* this.#told.splice(0);
  }
}
