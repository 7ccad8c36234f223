/**
 * Composition root of the page without a server: our own WebGPU backend, the pipelines and the trainer in a worker of the
 * browser, on the visitor's graphics card. Nothing leaves the page.
 */

import '../web/zod-without-eval.ts';
import { createWebGpuBackend } from '#backends/webgpu/backend';
import type { OpenDevice } from '#backends/webgpu/device';
import { openAdapter } from '#backends/webgpu/open-adapter';
import { DarkroomError, UserError } from '#core/errors';
import type { PixelImage } from '#core/image';
import { EngineError } from '#engine/errors';
import { embedInfotext } from '#formats/infotext-file';
import { createPictureEngine } from '#pipelines/engine';
import { type GenerateEvent, type GenerateRequest, generateSchema } from '#pipelines/request';
import { preferring } from '#pipelines/settings/index';
import { PageFiles } from '../web/models/page-files.ts';
import { download } from './download.ts';
import { loraPath, nameOf, openPageModel, type PageModel, pageModelOpener, pathsBeside } from './page-model.ts';
import type { News, Order, TrainingAsked } from './protocol.ts';
import { trainLora } from './train-lora.ts';

const files = new PageFiles();
const warnings: string[] = [];
const backend = createWebGpuBackend({
  open: openDevice,
  readRange: (...range) => files.readRange(...range),
  warn: (message) => warnings.push(message),
});
let model: PageModel | undefined;
const engine = createPictureEngine({
  backend,
  openModel: pageModelOpener(files, opened),
  takeWarnings: () => warnings.splice(0),
  now: () => performance.now(),
  version: 'Darkroom',
});
let stop = new AbortController();
let isDeviceTold = false;

async function openDevice(): Promise<OpenDevice> {
  const adapter = await navigator.gpu?.requestAdapter({ powerPreference: 'high-performance' });
  if (adapter) return await openAdapter(adapter);
  const why = navigator.gpu ? 'the browser finds no graphics adapter' : 'this browser has no WebGPU';
  throw new EngineError('unavailable', 'webgpu', `${why}; a current Chrome, Edge, Safari or Firefox has it`);
}

function opened(): PageModel {
  if (!model) throw new UserError('demo.no-model', 'No model is open.');
  return model;
}

function tell(news: News): void {
  postMessage(news);
}

async function tellDevice(): Promise<void> {
  if (isDeviceTold) return;
  const { description, software, halves, matrix } = await backend.report();
  const able = [halves && 'halves', matrix && 'subgroup matrices', software && 'in software, slow'].filter(Boolean);
  tell({ type: 'device', text: [description || 'WebGPU', ...able].join(', ') });
  isDeviceTold = true;
}

async function openChosen(chosen: readonly File[]): Promise<void> {
  for (const file of chosen) files.add(file.name, file);
  const weights = chosen.find(({ name }) => !/\.(ya?ml|json)$/i.test(name));
  if (!weights) throw new UserError('demo.no-model', 'None of the files holds weights.');
  await open(weights.name);
}

async function fetchModel(address: string): Promise<void> {
  const path = new URL(address).pathname;
  const told = (bytes: number, totalBytes: number | undefined) => tell({ type: 'reading', bytes, totalBytes });
  if (!(await files.exists(path))) {
    files.add(path, await download(address, told));
    const [beside] = pathsBeside(path);
    const found = await download(new URL(beside!, address).href, () => {}).catch(() => undefined);
    if (found) files.add(beside!, found);
  }
  await open(path);
}

async function open(path: string): Promise<void> {
  model = await openPageModel(files, path);
  const { family, parts, preference } = model;
  const { defaultSize, gridMultiple } = parts.limits;
  tell({
    type: 'opened',
    model: { name: nameOf(model), family: family.title, limits: { defaultSize, gridMultiple }, preference },
  });
}

async function draw(settings: Readonly<Record<string, unknown>>): Promise<void> {
  const { signal } = stop;
  for await (const event of engine.generate(requestOf(settings), { signal, previewEvery: 1 })) {
    await tellEvent(event);
    // Messages arrive between two tasks.
    await new Promise((resolve) => setTimeout(resolve));
  }
}

function requestOf(settings: Readonly<Record<string, unknown>>): GenerateRequest {
  const parsed = generateSchema.safeParse(preferring(settings, opened().preference));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new UserError('request.invalid', `${issue!.path.join('.')}: ${issue!.message}`);
}

async function tellEvent(event: GenerateEvent): Promise<void> {
  if (event.type !== 'image') tell({ type: 'event', event });
  else {
    const { image, infotext } = event;
    tell({ type: 'picture', png: await pngOf(image, infotext), infotext });
  }
}

/** With the infotext inside, as files of A1111 have it. */
async function pngOf({ width, height, channels, data }: PixelImage, infotext: string): Promise<Blob> {
  const pixels = new ImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    pixels.data.set([data[i * channels]!, data[i * channels + 1]!, data[i * channels + 2]!, 255], 4 * i);
  }
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext('2d')!.putImageData(pixels, 0, 0);
  const png = await canvas.convertToBlob({ type: 'image/png' });
  const whole = embedInfotext(new Uint8Array(await png.arrayBuffer()), infotext);
  return new Blob([whole as Uint8Array<ArrayBuffer>], { type: 'image/png' });
}

async function train(training: TrainingAsked): Promise<void> {
  const chunks = await trainLora({
    ...training,
    model: opened(),
    backend,
    signal: stop.signal,
    report: ({ step, steps, metrics }) => tell({ type: 'step', step, steps, loss: metrics.loss! }),
  });
  const file = new Blob(chunks as Uint8Array<ArrayBuffer>[]);
  files.add(loraPath(training.name), file);
  for (const message of warnings.splice(0)) tell({ type: 'event', event: { type: 'warning', message } });
  tell({ type: 'trained', name: training.name, file });
}

async function carryOut(order: Exclude<Order, { type: 'stop' }>): Promise<void> {
  stop = new AbortController();
  try {
    if (order.type === 'open') await openChosen(order.files);
    else if (order.type === 'fetch') await fetchModel(order.address);
    else {
      await tellDevice();
      await (order.type === 'draw' ? draw(order.settings) : train(order.training));
    }
    tell({ type: 'done' });
  } catch (error) {
    if (!(error instanceof DarkroomError)) console.error(error);
    tell({ type: 'failed', message: error instanceof Error ? error.message : String(error) });
  }
}

/** Orders wait for each other. */
let last: Promise<void> = Promise.resolve();
addEventListener('message', ({ data: order }: MessageEvent<Order>) => {
  if (order.type === 'stop') stop.abort('keep-partial');
  else last = last.then(() => carryOut(order));
});
