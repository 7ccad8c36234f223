/**
 * Main file of an engine process: one engine, one run at a time. Between two events it gives the event loop a turn, so
 * that a cancel which arrived during a step is seen before the next. When the studio goes away, it goes too.
 */

import { readFile } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';
import { controlRoles, type InputRole } from '#api/records/job';
import { InternalError } from '#core/errors';
import {
  type ControlPictures,
  type GenerateEvent,
  type GenerateOptions,
  type GeneratePictures,
  type GenerateRequest,
  keepPartial,
  type PictureEngine,
} from '#pipelines/request';
import type { InputPaths } from '../work/inputs.ts';
import { type EngineModule, type EngineWork, type FromEngine, type ToEngine, toWireError } from './protocol.ts';

let engine: PictureEngine | undefined;
const cancels = new Map<number, AbortController>();
/** Runs whose batch at hand is to end where it is. */
const skips = new Set<number>();

/** Resolves when the message is on its way, so that a slow reader slows the sender. */
function send(message: FromEngine): Promise<void> {
  return new Promise((resolve) => {
    if (process.connected) process.send!(message, undefined, undefined, () => resolve());
    else resolve();
  });
}

/** One whole round of the event loop: the poll phase, where messages arrive, lies between two immediates. */
async function yieldToMessages(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setImmediate(resolve));
}

async function start(message: Extract<ToEngine, { type: 'start' }>): Promise<void> {
  try {
    const module = (await import(pathToFileURL(message.module).href)) as Partial<EngineModule>;
    if (!module.createEngine) throw new InternalError(`${message.module} exports no createEngine`);
    engine = await module.createEngine(message.settings);
    await send({ type: 'ready' });
  } catch (error) {
    await send({ type: 'start-failed', error: toWireError(error) });
    process.exit(1);
  }
}

async function run(message: Extract<ToEngine, { type: 'run' }>): Promise<void> {
  const { run, files, previewEvery, inSmallestParts } = message;
  const cancel = new AbortController();
  const { signal } = cancel;
  cancels.set(run, cancel);
  try {
    if (!engine) throw new InternalError('an engine was asked to run before it was started');
    const pictures = await readPictures(files);
    const options = { signal, previewEvery, inSmallestParts, takeSkip: () => skips.delete(run) };
    for await (const event of eventsOf(engine, message.work, pictures, options)) {
      await send({ type: 'event', run, event });
      await yieldToMessages();
    }
    await send({ type: 'end', run });
  } catch (error) {
    if (signal.aborted) await send({ type: 'end', run });
    else await send({ type: 'failed', run, error: toWireError(error) });
  } finally {
    cancels.delete(run);
    skips.delete(run);
  }
}

function eventsOf(
  engine: PictureEngine,
  work: EngineWork,
  pictures: GeneratePictures,
  options: GenerateOptions,
): AsyncIterable<GenerateEvent> {
  if (work.method === 'generate') return engine.generate({ ...work.request, ...pictures }, options);
  if (work.method === 'estimate') return estimated(engine, { ...work.request, ...pictures });
  if (!pictures.init) throw new InternalError('an engine was asked to enlarge no picture');
  return engine.upscale({ ...work.request, init: pictures.init }, options);
}

async function* estimated(engine: PictureEngine, request: GenerateRequest): AsyncGenerator<GenerateEvent> {
  const memory = await engine.estimate?.(request);
  if (memory) yield memory;
}

async function readPictures(files: InputPaths): Promise<GeneratePictures> {
  if (Object.keys(files).length === 0) return {};
  // Loaded when there is something to decode: an engine is to start soon.
  const { decodePixels } = await import('../images/codec.ts');
  const read = async (role: InputRole) => {
    const file = files[role];
    return file === undefined ? undefined : (await decodePixels(await readFile(file))).image;
  };
  const controlPictures: ControlPictures[] = [];
  for (const { image, mask } of controlRoles)
    controlPictures.push({ image: await read(image), mask: await read(mask) });
  return {
    init: await read('init'),
    mask: await read('mask'),
    latentMask: await read('latent-mask'),
    controlPictures,
  };
}

async function stop(): Promise<void> {
  try {
    await engine?.dispose();
  } finally {
    process.exit(0);
  }
}

/** What no answer could tell of. */
function end(error: unknown): never {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  process.exit(1);
}

function reportMemory(): void {
  send({ type: 'memory', rss: process.memoryUsage.rss() }).catch(end);
}

if (process.send) {
  process.on('message', (message: ToEngine) => {
    switch (message.type) {
      case 'start':
        start(message).catch(end);
        break;
      case 'run':
        run(message).catch(end);
        break;
      case 'cancel':
        cancels.get(message.run)?.abort(message.keepPartial ? keepPartial : undefined);
        break;
      case 'skip':
        if (cancels.has(message.run)) skips.add(message.run);
        break;
      case 'stop':
        stop().catch(end);
        break;
    }
  });
  process.on('disconnect', () => process.exit(0));
  // A terminal's Ctrl-C reaches the whole group; the studio decides when the engine ends.
  process.on('SIGINT', () => {});
  setInterval(reportMemory, 2000).unref();
}
