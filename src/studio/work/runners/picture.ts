/**
 * Makes pictures on one engine host: what it finishes goes to the gallery at once. An engine that dies before it
 * delivered anything gets one more try. What survives a kill is what is in the gallery; the rest is made again.
 */

import type { KeptStep } from '#api/records/steps';
import { DarkroomError } from '#core/errors';
import { type GenerateEvent, type GenerateRequest, generateSchema, keepPartial } from '#pipelines/request';
import { settingRows } from '#pipelines/settings/index';
import type { EngineHost } from '../../engine-host/host.ts';
import type { Gallery } from '../../gallery/gallery.ts';
import { type KeptSteps, keptStep } from '../../gallery/kept-steps.ts';
import { encodePreview } from '../../images/codec.ts';
import type { Library } from '../../library/library.ts';
import type { PictureJob } from '../../queue/job.ts';
import type { Settings } from '../../settings/settings.ts';
import { kindsOfChoices } from '../check-request.ts';
import type { InputFiles } from '../inputs.ts';
import { type Remainder, remainderOf } from '../resume.ts';
import { type Runner, Stopped, type WorkCall, type WorkResult } from '../runner.ts';

export interface PictureParts {
  readonly gallery: Gallery;
  readonly host: EngineHost;
  readonly inputs: InputFiles;
  readonly keptSteps: KeptSteps;
  readonly library: Library;
  readonly settings: Settings;
}

/** Upscalers are found by name: many are no files. */
const filesByChoice = Object.fromEntries(
  Object.entries(kindsOfChoices).filter(([, kinds]) => !kinds.includes('upscaler')),
);

/** Ends of the engine process that another try may get past. */
const crashes: readonly string[] = ['engine.crashed', 'engine.out-of-memory'];

export class PictureRunner implements Runner<'picture'> {
  readonly kind = 'picture';
  readonly #parts: PictureParts;

  constructor(parts: PictureParts) {
    this.#parts = parts;
  }

  begin({ request }: PictureJob) {
    return { batches: request.batchCount, steps: request.steps };
  }

  async run(job: PictureJob, call: WorkCall): Promise<WorkResult | undefined> {
    for (let tries = 1; ; tries++) {
      const before = this.#delivered(job);
      try {
        await this.#generate(job, call);
        const delivered = this.#delivered(job);
        if (delivered >= job.total && !isPartial(call.signal)) return {};
        if (call.signal.aborted) return undefined;
        throw new DarkroomError('engine.incomplete', `The engine ended after ${delivered} of ${job.total} pictures.`);
      } catch (error) {
        const isCrash = error instanceof DarkroomError && crashes.includes(error.code);
        if (!isCrash || tries > 1 || this.#delivered(job) > before || call.signal.aborted) throw error;
        await call.warn(`${error.message} Tried once more.`);
      }
    }
  }

  kill(): void {
    this.#parts.host.kill();
  }

  #delivered({ id }: PictureJob): number {
    return this.#parts.gallery.delivered(id).size;
  }

  async #generate(job: PictureJob, call: WorkCall): Promise<void> {
    const { gallery, host, inputs, settings, keptSteps } = this.#parts;
    const steps: KeptStep[] = [];
    const remainder = remainderOf(job.request, gallery.delivered(job.id));
    // A job of an older version lacks the settings that have come since.
    const complete = generateSchema.parse(remainder.request);
    const files = await inputs.paths(job.id, job.inputs);
    const request: GenerateRequest = { ...complete, ...this.#modelFiles(job) };
    const previewEvery = settings.get().previewEvery;
    for await (const event of host.generate(request, { files, signal: engineSignal(call.signal), previewEvery })) {
      if (event.type === 'trace') {
        steps.push(await keptStep(event));
        continue;
      }
      // Before the picture is told of: who asks for its steps then is to find them.
      if (event.type === 'image' && steps.length > 0) await keptSteps.write(job.id, steps.splice(0));
      await this.#onEvent(job, call, remainder, event);
    }
  }

  /** The engine opens files, not names; a model that has gone meanwhile is said so here. */
  #modelFiles({ request }: PictureJob): Partial<GenerateRequest> {
    const { library } = this.#parts;
    return Object.fromEntries(
      settingRows.flatMap(([name, { form }]) => {
        const kinds = filesByChoice[form.choices ?? ''];
        const value = request[name];
        return kinds && typeof value === 'string' ? [[name, library.find(value, kinds).path]] : [];
      }),
    );
  }

  async #onEvent(
    job: PictureJob,
    call: WorkCall,
    { offset }: Remainder,
    event: Exclude<GenerateEvent, { type: 'trace' }>,
  ): Promise<void> {
    const skipped = offset / job.request.batchSize;
    switch (event.type) {
      case 'loading': {
        const { type: _type, ...loading } = event;
        call.progress({ phase: 'loading', loading });
        break;
      }
      case 'step': {
        const { batch, step, steps, eta } = event;
        call.progress({ phase: 'sampling', batch: batch + skipped, step, steps, eta });
        break;
      }
      case 'preview':
        call.preview(event.batch + skipped, await Promise.all(event.images.map((image) => encodePreview(image))));
        break;
      case 'memory': {
        const { type: _type, ...memory } = event;
        call.progress({ phase: 'loading', memory });
        break;
      }
      case 'warning':
        await call.warn(event.message);
        break;
      case 'image':
        await this.#deliver(job, call, offset, event);
        break;
    }
  }

  async #deliver(
    { id, user, request }: PictureJob,
    call: WorkCall,
    offset: number,
    event: Extract<GenerateEvent, { type: 'image' }>,
  ): Promise<void> {
    const { gallery, settings } = this.#parts;
    const { outputFormat: format, outputQuality: quality } = settings.get();
    const { image, seed, infotext, model } = event;
    const index = event.index + offset;
    await gallery.save({ job: id, index, user, image, seed, infotext, model, format, quality, request });
    await call.report({ delivered: gallery.delivered(id).size });
  }
}

function isPartial({ reason }: AbortSignal): boolean {
  return reason instanceof Stopped && reason.how === 'partial';
}

/** The engine host is told by the reason whether to deliver what is half done. */
function engineSignal(signal: AbortSignal): AbortSignal {
  const controller = new AbortController();
  const abort = () => controller.abort(isPartial(signal) ? keepPartial : signal.reason);
  if (signal.aborted) abort();
  else signal.addEventListener('abort', abort, { once: true });
  return controller.signal;
}
