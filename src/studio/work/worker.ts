/**
 * Takes jobs from the queue and sees them through one engine host: what it finishes goes to the gallery at once, what
 * it cannot finish ends with a reason. An engine that dies before it delivered anything gets one more try.
 */

import { DarkroomError } from '#core/errors';
import { type GenerateEvent, type GenerateRequest, generateSchema } from '#pipelines/request';
import type { EngineHost } from '../engine-host/host.ts';
import { keepPartial } from '../engine-host/protocol.ts';
import type { Gallery } from '../gallery/gallery.ts';
import { encodePreview } from '../images/codec.ts';
import type { Library } from '../library/library.ts';
import type { Job, JobOutcome, JobQueue } from '../queue/job.ts';
import type { Settings } from '../settings/settings.ts';
import type { CancelOptions } from '../studio-folder.ts';
import { checkpointKinds, vaeKinds } from './check-request.ts';
import type { InputFiles } from './inputs.ts';
import type { ProgressBoard } from './progress.ts';
import { type Remainder, remainderOf } from './resume.ts';

export interface WorkerParts {
  readonly queue: JobQueue;
  readonly gallery: Gallery;
  readonly host: EngineHost;
  readonly inputs: InputFiles;
  readonly library: Library;
  readonly settings: Settings;
  readonly progress: ProgressBoard;
  readonly log: (level: 'info' | 'warn' | 'error', message: string, fields?: Record<string, unknown>) => void;
}

/** Ends of the engine process that another try may get past. */
const crashes: readonly string[] = ['engine.crashed', 'engine.out-of-memory'];
const fullDisk: readonly string[] = ['disk-full', 'store.disk-full'];

export class Worker {
  readonly #parts: WorkerParts;
  readonly #offReady: () => void;
  #job: Job | undefined;
  #abort: AbortController | undefined;
  #stopping = false;
  #wake: (() => void) | undefined;
  #loop: Promise<void> | undefined;

  constructor(parts: WorkerParts) {
    this.#parts = parts;
    this.#offReady = parts.queue.onReady(() => this.#wake?.());
  }

  get jobId(): string | undefined {
    return this.#job?.id;
  }

  start(): void {
    this.#loop ??= this.#run();
  }

  /** Stops the job at work, which waits again, and takes no more. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#offReady();
    this.#abort?.abort();
    this.#wake?.();
    await this.#loop;
  }

  /**
   * Stops the job if it is at work here; `hard` kills the engine in the middle of its step, `partial` delivers what is
   * half done.
   */
  cancel(id: string, { hard, partial }: CancelOptions = {}): boolean {
    if (this.#job?.id !== id) return false;
    this.#abort?.abort(partial ? keepPartial : undefined);
    if (hard) this.#parts.host.kill();
    return true;
  }

  async #run(): Promise<void> {
    while (!this.#stopping) {
      // Set before looking, so that a job that comes meanwhile is not missed.
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      try {
        const job = await this.#parts.queue.take();
        if (job) await this.#work(job);
        else if (!this.#stopping) await woken;
      } catch (error) {
        this.#parts.log('error', 'The next job could not be taken; trying again.', { error: messageOf(error) });
        await pause(2000);
      }
    }
  }

  async #work(job: Job): Promise<void> {
    this.#job = job;
    this.#abort = new AbortController();
    this.#parts.progress.begin(job, job.request.batchCount, job.request.steps);
    // Cancelled between being taken and being known here.
    if ((await this.#parts.queue.get(job.id))?.cancelRequested) this.#abort.abort();
    const outcome = await this.#attempt(job, this.#abort.signal);
    this.#parts.progress.end(job.id);
    this.#job = undefined;
    await this.#settle(job, outcome);
  }

  async #attempt(job: Job, signal: AbortSignal): Promise<JobOutcome> {
    for (let tries = 1; ; tries++) {
      const before = this.#parts.gallery.delivered(job.id).size;
      try {
        await this.#generate(job, signal);
        const delivered = this.#parts.gallery.delivered(job.id).size;
        const interrupted = signal.aborted && signal.reason === keepPartial;
        if (delivered >= job.total && !interrupted) return { state: 'done' };
        if (signal.aborted) return this.#stopping ? { state: 'requeue' } : { state: 'cancelled' };
        const message = `The engine ended after ${delivered} of ${job.total} pictures.`;
        return { state: 'failed', error: { code: 'engine.incomplete', message } };
      } catch (error) {
        const code = codeOf(error);
        const nothingNew = this.#parts.gallery.delivered(job.id).size === before;
        if (crashes.includes(code) && tries === 1 && nothingNew && !signal.aborted) {
          await this.#parts.queue.warn(job.id, `${messageOf(error)} Tried once more.`);
          continue;
        }
        this.#parts.log('warn', 'Job failed.', { job: job.id, code, error: messageOf(error) });
        return { state: 'failed', error: { code, message: messageOf(error) } };
      }
    }
  }

  async #generate(job: Job, signal: AbortSignal): Promise<void> {
    const { gallery, host, inputs, settings } = this.#parts;
    const remainder = remainderOf(job.request, gallery.delivered(job.id));
    const files = this.#modelFiles(job);
    // A job of an older version lacks the settings that have come since.
    const complete = generateSchema.parse(remainder.request);
    const request: GenerateRequest = { ...complete, ...files, ...(await inputs.read(job.inputs)) };
    const previewEvery = settings.get().previewEvery;
    for await (const event of host.generate(request, { signal, previewEvery })) {
      await this.#onEvent(job, remainder, event);
    }
  }

  /** The engine opens files, not names; a model that has gone meanwhile is said so here. */
  #modelFiles({ request }: Job): { model?: string; vae?: string } {
    const { library } = this.#parts;
    return {
      ...(request.model === undefined ? {} : { model: library.find(request.model, checkpointKinds).path }),
      ...(request.vae === undefined ? {} : { vae: library.find(request.vae, vaeKinds).path }),
    };
  }

  async #onEvent(job: Job, remainder: Remainder, event: GenerateEvent): Promise<void> {
    const { progress, queue } = this.#parts;
    const skipped = remainder.offset / job.request.batchSize;
    switch (event.type) {
      case 'loading': {
        const { type: _type, ...loading } = event;
        progress.update(job.id, { phase: 'loading', loading });
        break;
      }
      case 'step': {
        const { step, steps } = event;
        const eta = event.eta === undefined ? {} : { eta: event.eta };
        progress.update(job.id, { phase: 'sampling', batch: event.batch + skipped, step, steps, ...eta });
        break;
      }
      case 'preview':
        progress.preview(job.id, event.batch + skipped, await Promise.all(event.images.map((i) => encodePreview(i))));
        break;
      case 'warning':
        await queue.warn(job.id, event.message);
        break;
      case 'image':
        await this.#deliver(job, remainder.offset, event);
        break;
    }
  }

  async #deliver(job: Job, offset: number, event: Extract<GenerateEvent, { type: 'image' }>): Promise<void> {
    const { gallery, queue, settings } = this.#parts;
    const { outputFormat, outputQuality } = settings.get();
    const { image, seed, infotext, model } = event;
    await gallery.save({
      job: job.id,
      index: event.index + offset,
      user: job.user,
      image,
      seed,
      infotext,
      model,
      format: outputFormat,
      quality: outputQuality,
      request: job.request,
    });
    await queue.delivered(job.id, gallery.delivered(job.id).size);
  }

  /** Writes the outcome down, however long the disk takes to let it. */
  async #settle(job: Job, outcome: JobOutcome): Promise<void> {
    const { queue, log } = this.#parts;
    while (true) {
      try {
        if (outcome.state === 'failed' && fullDisk.includes(outcome.error.code))
          await queue.pause(outcome.error.message);
        await queue.finish(job.id, outcome);
        return;
      } catch (error) {
        log('error', 'The end of a job could not be noted down.', { job: job.id, error: messageOf(error) });
        // After a restart the job is found running and dealt with then.
        if (this.#stopping) return;
        await pause(2000);
      }
    }
  }
}

function codeOf(error: unknown): string {
  return error instanceof DarkroomError ? error.code : 'internal';
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
