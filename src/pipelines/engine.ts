/**
 * The picture engine: a request in, events and pictures out. Puts a model's parts together and names no family.
 *
 * One model stays loaded; asking for another, or for one whose files were replaced, unloads it. One request at a time.
 */

import { DarkroomError, InternalError, UserError } from '#core/errors';
import type { Backend } from '#engine/backend';
import type { CombinedAdapters } from '#models/adapters/combine';
import { openJobAdapters } from './adapters.ts';
import { checkRequest, planJob } from './job.ts';
import type { OpenModel, PipelineModel } from './model.ts';
import { NonFiniteError } from './non-finite.ts';
import type { GenerateEvent, GenerateOptions, GenerateRequest, PictureEngine } from './request.ts';
import { runJob } from './run.ts';
import { type LoadingEvent, ModelSessions } from './sessions.ts';

export interface PictureEngineOptions {
  readonly backend: Backend;
  readonly openModel: OpenModel;
  /** Milliseconds of a clock that never goes back. Default Date.now. */
  readonly now?: () => number;
  /** A seed for requests that leave it open. Default: uniform below 2^32. */
  readonly drawSeed?: () => number;
  /** As written into the infotext. */
  readonly version?: string;
  /** Bytes that may be spent on faster forms of weights. Default 0. */
  readonly memoryBudget?: number;
}

/** Disposing the engine disposes the backend. */
export function createPictureEngine(options: PictureEngineOptions): PictureEngine {
  return new LocalPictureEngine(options);
}

class LocalPictureEngine implements PictureEngine {
  readonly #options: PictureEngineOptions;
  #sessions: ModelSessions | undefined;
  #modelKey = '';
  #busy = false;

  constructor(options: PictureEngineOptions) {
    this.#options = options;
  }

  async *generate(request: GenerateRequest, options: GenerateOptions = {}): AsyncGenerator<GenerateEvent> {
    if (this.#busy) throw new InternalError('an engine was given a second request before the first had ended');
    this.#busy = true;
    const { now = Date.now, drawSeed = drawSeed32, version = 'Darkroom' } = this.#options;
    const { signal, previewEvery = 0 } = options;
    try {
      checkRequest(request);
      const sessions = yield* this.#openModel(request);
      const adapters = await openJobAdapters(request, sessions.model);
      const job = planJob(request, sessions.model, drawSeed, adapters);
      yield* runJob(job, {
        sessions: (...of) => this.#sessionsOf(...of),
        now,
        version,
        signal,
        previewEvery,
      });
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
    if (this.#sessions && this.#modelKey === key && (await this.#sessions.model.isCurrent?.()) !== false) {
      return this.#sessions;
    }
    yield { type: 'loading', part: 'model' };
    const opened = await this.#options.openModel({ model, vae });
    await this.#sessions?.dispose();
    this.#sessions = new ModelSessions(this.#options.backend, opened, this.#options.memoryBudget);
    this.#modelKey = key;
    return this.#sessions;
  }

  async #sessionsOf(model: PipelineModel, adapters: CombinedAdapters): Promise<ModelSessions> {
    const sessions = this.#sessions;
    if (sessions?.model !== model) throw new InternalError('a pass asks for a model that is not open');
    sessions.useAdapters(adapters);
    return sessions;
  }

  /** Says whether the weights are to blame. */
  async #explain(error: NonFiniteError): Promise<DarkroomError> {
    const model = this.#sessions?.model;
    const names = (await model?.findNonFinite?.(error.component)) ?? [];
    if (names.length === 0) {
      const advice = 'Try another sampler, a lower CFG scale, or another VAE.';
      return new DarkroomError(error.code, `${error.message} ${advice}`, { cause: error });
    }
    const shown = names.slice(0, 3).join(', ') + (names.length > 3 ? ` and ${names.length - 3} more` : '');
    const message = `${error.message} The model file is damaged: NaN or infinity in ${shown}. Get the file again.`;
    return new UserError(error.code, message, { cause: error });
  }
}

function drawSeed32(): number {
  return Math.floor(Math.random() * 2 ** 32);
}
