/**
 * A job as OpenAI's stream of events: some partial pictures on the way, then each picture when it is finished. The
 * final one may come before all partial ones have.
 */

import { decodePixels, encodeImage } from '#studio/images/codec';
import type { Studio, StudioEvent } from '#studio/studio';
import type { OutputChoice } from './request.ts';

export interface StreamOptions {
  readonly studio: Studio;
  readonly job: string;
  readonly signal: AbortSignal;
  /** `image_generation` or `image_edit`. */
  readonly name: string;
  readonly partialImages: number;
  readonly output: OutputChoice;
  /** Said in every event. */
  readonly facts: Readonly<Record<string, unknown>>;
  /** Said with each finished picture. */
  readonly usage: object;
  /** A finished picture as base64. */
  readonly encode: (id: string) => Promise<string>;
  /** Ends with the job; rejects with what went wrong. */
  readonly ended: Promise<unknown>;
  readonly onError: (error: unknown) => unknown;
}

const encoder = new TextEncoder();

export function pictureStream(options: StreamOptions): Response {
  const { studio, signal } = options;
  let off = () => {};
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      const sender = new Sender(options, controller);
      off = studio.events.subscribe((event) => sender.take(event));
      options.ended
        .then(async () => await sender.finish())
        .catch(async (error: unknown) => await sender.fail(error))
        .finally(() => off());
    },
    cancel: () => off(),
  });
  signal.addEventListener('abort', () => off());
  return new Response(body, { headers: { 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' } });
}

/** Writes events in order, one after the other, though encoding takes time. */
class Sender {
  readonly #options: StreamOptions;
  readonly #controller: ReadableStreamDefaultController<Uint8Array>;
  readonly #sentPartials = new Map<number, number>();
  readonly #sentImages = new Set<string>();
  #line: Promise<void> = Promise.resolve();

  constructor(options: StreamOptions, controller: ReadableStreamDefaultController<Uint8Array>) {
    this.#options = options;
    this.#controller = controller;
  }

  take(event: StudioEvent): void {
    const { job, studio } = this.#options;
    if (event.type === 'image.added' && event.data.job === job) this.#complete(event.data.id);
    if (event.type !== 'job.preview' || event.data.id !== job) return;
    const progress = studio.progress.get(job);
    const [jpeg] = studio.progress.previews(job);
    if (progress && jpeg) this.#partial(event.data.batch, progress.step / progress.steps, jpeg);
  }

  async finish(): Promise<void> {
    const { studio, job } = this.#options;
    for (const image of await studio.gallery.ofJob(job)) this.#complete(image.id);
    await this.#line;
    this.#controller.close();
  }

  async fail(error: unknown): Promise<void> {
    await this.#line.catch(() => {});
    this.#send('error', { error: this.#options.onError(error) });
    try {
      this.#controller.close();
    } catch {
      // The reader is gone.
    }
  }

  /** Spread over the steps: the i-th of k once i/(k+1) of them are done. */
  #partial(batch: number, done: number, jpeg: Uint8Array): void {
    const { name, partialImages, output, facts } = this.#options;
    const index = this.#sentPartials.get(batch) ?? 0;
    if (index >= partialImages || done < (index + 1) / (partialImages + 1)) return;
    this.#sentPartials.set(batch, index + 1);
    this.#then(async () => {
      const { image } = await decodePixels(jpeg);
      const bytes = await encodeImage(image, output.format, '', { quality: output.quality });
      const b64 = Buffer.from(bytes).toString('base64');
      this.#send(`${name}.partial_image`, { ...facts, b64_json: b64, partial_image_index: index, image_index: batch });
    });
  }

  #complete(id: string): void {
    if (this.#sentImages.has(id)) return;
    this.#sentImages.add(id);
    const { name, facts, usage, encode, studio } = this.#options;
    this.#then(async () => {
      const { seed } = studio.gallery.get(id);
      const warnings = (await studio.queue.get(this.#options.job))?.warnings ?? [];
      const said = warnings.length > 0 ? { warnings } : {};
      this.#send(`${name}.completed`, { ...facts, b64_json: await encode(id), seed, usage, ...said });
    });
  }

  #then(work: () => Promise<void>): void {
    this.#line = this.#line.then(work);
    // Reported by finish, which waits for the line.
    this.#line.catch(() => {});
  }

  #send(type: string, data: Record<string, unknown>): void {
    try {
      this.#controller.enqueue(encoder.encode(`event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`));
    } catch {
      // The reader is gone; the job goes on or has been cancelled.
    }
  }
}
