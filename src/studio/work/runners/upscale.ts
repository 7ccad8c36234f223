/** Enlarges a picture on an engine host, whose process it shares with the making of pictures. */

import type { Job } from '#api/records/job';
import { DarkroomError } from '#core/errors';
import { generateSchema } from '#pipelines/request';
import type { EngineHost } from '../../engine-host/host.ts';
import type { Gallery } from '../../gallery/gallery.ts';
import type { Settings } from '../../settings/settings.ts';
import type { InputFiles } from '../inputs.ts';
import type { Runner, WorkCall, WorkResult } from '../runner.ts';

export interface UpscaleParts {
  readonly gallery: Gallery;
  readonly host: EngineHost;
  readonly inputs: InputFiles;
  readonly settings: Settings;
}

export class UpscaleRunner implements Runner<'upscale'> {
  readonly kind = 'upscale';
  readonly #parts: UpscaleParts;
  #hasEngine = false;

  constructor(parts: UpscaleParts) {
    this.#parts = parts;
  }

  begin() {
    return { phase: 'upscaling' } as const;
  }

  async run(job: Job<'upscale'>, call: WorkCall): Promise<WorkResult | undefined> {
    const { gallery, host, inputs } = this.#parts;
    if (gallery.delivered(job.id).size > 0) return {};
    const files = await inputs.paths(job.id, job.inputs);
    try {
      for await (const event of host.upscale(job.request, { files, signal: call.signal })) {
        this.#hasEngine = true;
        if (event.type === 'loading') call.progress({ phase: 'loading', loading: { part: event.part } });
        if (event.type === 'step') {
          const { batch, batches, step, steps } = event;
          call.progress({ phase: 'upscaling', batch, batches, step, steps });
        }
        if (event.type === 'warning') await call.warn(event.message);
        if (event.type === 'image') await this.#deliver(job, call, event);
      }
    } finally {
      this.#hasEngine = false;
    }
    if (gallery.delivered(job.id).size > 0) return {};
    if (call.signal.aborted) return undefined;
    throw new DarkroomError('engine.incomplete', 'The engine ended before the picture was enlarged.');
  }

  /** Waiting for the engine, there is nothing of its own to end. */
  kill(): void {
    if (this.#hasEngine) this.#parts.host.kill();
  }

  async #deliver(job: Job<'upscale'>, call: WorkCall, { image, infotext, model }: Enlarged): Promise<void> {
    const { gallery, settings } = this.#parts;
    const { outputFormat: format, outputQuality: quality } = settings.get();
    const { id, user } = job;
    // What it was drawn with is in its text; of its own it has no prompt.
    const request = { ...generateSchema.parse({}), seed: 0, subseed: 0 };
    await gallery.save({ job: id, index: 0, user, image, seed: 0, infotext, model, format, quality, request });
    await call.report({ delivered: 1 });
  }
}

type Enlarged = Extract<EventOf<EngineHost['upscale']>, { type: 'image' }>;
type EventOf<F extends (...args: never[]) => AsyncGenerator<unknown>> =
  ReturnType<F> extends AsyncGenerator<infer E> ? E : never;
