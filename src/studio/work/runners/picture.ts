/**
 * Makes pictures on one engine host: what it finishes goes to the gallery at once. An engine that dies before it
 * delivered anything gets one more try. What survives a kill is what is in the gallery; the rest is made again.
 */

import { DarkroomError } from '#core/errors';
import { type GenerateEvent, type GenerateRequest, generateSchema, keepPartial } from '#pipelines/request';
import { gridText } from '#pipelines/series/grid-text';
import { cellRequest, placesOf, type Series, type SeriesGrid } from '#pipelines/series/series';
import { settingRows } from '#pipelines/settings/index';
import type { EngineHost } from '../../engine-host/host.ts';
import type { Gallery } from '../../gallery/gallery.ts';
import { type KeptSteps, StepsToKeep } from '../../gallery/kept-steps.ts';
import { decodePixels, encodePreview } from '../../images/codec.ts';
import type { Library } from '../../library/library.ts';
import type { PictureJob, StoredRequest } from '../../queue/job.ts';
import type { Settings } from '../../settings/settings.ts';
import { kindsOfChoices } from '../check-request.ts';
import type { InputFiles, InputPaths } from '../inputs.ts';
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
const fullMemory = 'engine.out-of-memory';
const crashes: readonly string[] = ['engine.crashed', fullMemory];

export class PictureRunner implements Runner<'picture'> {
  readonly kind = 'picture';
  readonly #parts: PictureParts;

  constructor(parts: PictureParts) {
    this.#parts = parts;
  }

  begin({ request }: PictureJob) {
    return { batches: batchesOf(request), steps: request.steps };
  }

  async run(job: PictureJob, call: WorkCall): Promise<WorkResult | undefined> {
    let inSmallestParts = false;
    for (let tries = 1; ; tries++) {
      const before = this.#delivered(job);
      try {
        await this.#generate(job, call, inSmallestParts);
        const delivered = this.#delivered(job);
        if (delivered >= job.total && !isPartial(call.signal)) return {};
        if (call.signal.aborted) return undefined;
        throw new DarkroomError('engine.incomplete', `The engine ended after ${delivered} of ${job.total} pictures.`);
      } catch (error) {
        const isCrash = error instanceof DarkroomError && crashes.includes(error.code);
        if (!isCrash || tries > 1 || this.#delivered(job) > before || call.signal.aborted) throw error;
        inSmallestParts = error.code === fullMemory;
        await call.warn(`${error.message} Tried once more${inSmallestParts ? ', in the smallest parts' : ''}.`);
      }
    }
  }

  kill(): void {
    this.#parts.host.kill();
  }

  skip(): void {
    this.#parts.host.skip();
  }

  #delivered({ id }: PictureJob): number {
    return this.#parts.gallery.delivered(id).size;
  }

  async #generate(job: PictureJob, call: WorkCall, inSmallestParts: boolean): Promise<void> {
    const { series, ...request } = job.request;
    const files = await this.#parts.inputs.paths(job.id, job.inputs);
    const all = { job, call, files, request, inSmallestParts };
    if (series) await this.#drawSeries(all, series);
    else await this.#draw({ ...all, first: 0, batchesBefore: 0, batches: request.batchCount });
  }

  /** Cell after cell, then the grid. */
  async #drawSeries(all: Omit<Piece, keyof PiecePlace>, series: Series): Promise<void> {
    const { job, call, files, request } = all;
    const { gallery } = this.#parts;
    const { first, pictures } = placesOf(request, series);
    const told = new Set<string>();
    const once = {
      ...call,
      warn: async (message: string) => {
        if (!told.has(message)) await call.warn(message);
        told.add(message);
      },
    };
    let batchesBefore = 0;
    for (const place of series.order ?? series.cells.keys()) {
      if (call.signal.aborted) return;
      const cell = series.cells[place]!;
      const own = cellRequest(request, cell);
      const before = cell.follows ? gallery.at(job.id, first[place]! - 1) : undefined;
      const from = before ? { ...files, init: gallery.pathOf(before) } : files;
      const batches = batchesOf(job.request);
      const cellPlace = { first: first[place]!, batchesBefore, batches };
      await this.#draw({ ...all, call: once, files: from, request: own, ...cellPlace });
      batchesBefore += own.batchCount;
    }
    if (series.grid && !call.signal.aborted) await this.#drawGrid(job, call, series.grid, first, pictures);
  }

  /** Of what there is of the cells; of each the first picture. */
  async #drawGrid(
    job: PictureJob,
    call: WorkCall,
    grid: SeriesGrid,
    first: readonly number[],
    at: number,
  ): Promise<void> {
    const { gallery, settings } = this.#parts;
    const made = new Map((await gallery.ofJob(job.id)).map((image) => [image.index, image]));
    const [shown] = made.values();
    if (!shown || made.has(at)) return;
    const pictures = await Promise.all(
      first.map(async (place) => {
        const image = made.get(place);
        return image && (await decodePixels(await gallery.read(image.id))).image;
      }),
    );
    const { outputFormat: format, outputQuality: quality } = settings.get();
    const { id, user, request } = job;
    await gallery.save({
      job: id,
      index: at,
      user,
      image: await (await import('../../images/grid.ts')).drawGrid(pictures, grid),
      seed: shown.seed ?? request.seed,
      infotext: gridText((made.get(0) ?? shown).infotext, request.series!),
      model: { name: shown.model ?? '', hash: shown.modelHash, family: '' },
      format,
      quality,
      request,
    });
    await call.report({ delivered: gallery.delivered(id).size });
  }

  /** What is missing of one request. */
  async #draw(piece: Piece): Promise<void> {
    const { job, call, files, request, first, inSmallestParts } = piece;
    const { gallery, host, settings, keptSteps } = this.#parts;
    const own = request.batchSize * request.batchCount;
    const delivered = [...gallery.delivered(job.id)].map((place) => place - first);
    const inside = new Set(delivered.filter((place) => place >= 0 && place < own));
    if (job.request.series && inside.size === own) return;
    const steps = new StepsToKeep();
    const remainder = remainderOf(request, inside);
    // A job of an older version lacks the settings that have come since.
    const complete = generateSchema.parse(remainder.request);
    const whole: GenerateRequest = { ...complete, ...this.#modelFiles(request) };
    const { previewEvery } = settings.get();
    const options = { files, signal: engineSignal(call.signal), previewEvery, inSmallestParts };
    for await (const event of host.generate(whole, options)) {
      if (event.type === 'trace') {
        await steps.add(event);
        continue;
      }
      // Before the picture is told of: who asks for its steps then is to find them.
      if (event.type === 'image' && steps.count > 0) await keptSteps.write(job.id, steps.take());
      await this.#onEvent(piece, remainder, event);
    }
    if (steps.warning !== undefined) await call.warn(steps.warning);
  }

  /** The engine opens files, not names; a model that has gone meanwhile is said so here. */
  #modelFiles(request: StoredRequest): Partial<GenerateRequest> {
    const { library } = this.#parts;
    return Object.fromEntries(
      settingRows.flatMap(([name, { form }]) => {
        const kinds = filesByChoice[form.choices ?? ''];
        const value = request[name];
        return kinds && typeof value === 'string' ? [[name, library.named(value, kinds).path]] : [];
      }),
    );
  }

  async #onEvent(piece: Piece, { offset }: Remainder, event: Exclude<GenerateEvent, { type: 'trace' }>): Promise<void> {
    const { call, request, batchesBefore, batches } = piece;
    const skipped = batchesBefore + offset / request.batchSize;
    switch (event.type) {
      case 'loading': {
        const { type: _type, ...loading } = event;
        call.progress({ phase: 'loading', loading });
        break;
      }
      case 'step': {
        const { batch, step, steps, eta } = event;
        call.progress({ phase: 'sampling', batch: batch + skipped, batches, step, steps, eta });
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
        await this.#deliver(piece, offset, event);
        break;
    }
  }

  async #deliver(
    { job: { id, user }, call, request, first }: Piece,
    offset: number,
    event: Extract<GenerateEvent, { type: 'image' }>,
  ): Promise<void> {
    const { gallery, settings } = this.#parts;
    const { outputFormat: format, outputQuality: quality } = settings.get();
    const { image, seed, infotext, model } = event;
    const index = first + event.index + offset;
    await gallery.save({ job: id, index, user, image, seed, infotext, model, format, quality, request });
    await call.report({ delivered: gallery.delivered(id).size });
  }
}

/** Where the pictures of a request stand among those of its job. */
interface PiecePlace {
  readonly first: number;
  readonly batchesBefore: number;
  readonly batches: number;
}

/** One request of a job: all of it, or a cell of its series. */
interface Piece extends PiecePlace {
  readonly job: PictureJob;
  readonly call: WorkCall;
  readonly files: InputPaths;
  readonly request: StoredRequest;
  /** A try before ran out of memory. */
  readonly inSmallestParts: boolean;
}

function batchesOf({ series, ...request }: StoredRequest): number {
  const cells = series?.cells.map((cell) => cellRequest(request, cell)) ?? [request];
  return cells.reduce((sum, { batchCount }) => sum + batchCount, 0);
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
