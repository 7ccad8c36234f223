/** Units whose picture is read as a prompt: an IP adapter with its vision encoder, run once a picture. */

import { UserError } from '#core/errors';
import type { PixelImage } from '#core/image';
import { f32, type HostTensor } from '#core/tensor';
import type { Graph } from '#graph/value';
import { clipDeviation, clipMean, clipVisionGraph } from '#models/clip/vision';
import { type IpAdapterConfig, ipAdapterGraph, readsStates } from '#models/control/ip-adapter';
import type { SamplingPass } from '../job.ts';
import type { PipelineModel, VisionWidths } from '../model.ts';
import { toRgb } from '../picture.ts';
import { resizePlanes } from '../resample.ts';
import type { LoadingEvent, ModelSessions } from '../sessions.ts';
import type { ImagePrompt } from './image-prompt.ts';
import type { ControlUnit } from './unit.ts';
import { type PictureContext, pictureOf } from './unit-pictures.ts';
import { besideName, networkAs, type OpenUnit, unitName } from './units.ts';

type Loading<T> = AsyncGenerator<LoadingEvent, T, undefined>;

export interface PromptUnit {
  readonly unit: ControlUnit;
  readonly prompt: ImagePrompt;
  readonly layers: number;
}

interface PromptContext extends PictureContext {
  readonly sessions: ModelSessions;
}

export async function* promptOf(each: OpenUnit, pass: SamplingPass, context: PromptContext): Loading<PromptUnit> {
  const { config, weights } = networkAs(each, 'ip-adapter');
  const { image } = pictureOf(each, pass, context);
  const seen = yield* seenBy(each, config, { model: pass.model, sessions: context.sessions, image });
  const graph = (): Graph => ipAdapterGraph(config, 0);
  const name = besideName(each);
  const positive = yield* context.sessions.once(name, { graph, weights }, { image: seen.picture });
  const negative = yield* context.sessions.once(name, { graph, weights }, { image: seen.nothing });
  return { unit: each.unit, prompt: { positive, negative }, layers: config.layers.length };
}

/** What a vision encoder must give for it. */
export function visionWidthsOf(config: IpAdapterConfig): VisionWidths {
  return readsStates(config) ? { states: config.visionWidth } : { embedding: config.visionWidth };
}

/** What the vision encoder says of the picture, and of none: zeros for an embedding, a black picture's states. */
async function* seenBy(
  each: OpenUnit,
  config: IpAdapterConfig,
  { model, sessions, image }: { model: PipelineModel; sessions: ModelSessions; image: PixelImage },
): Loading<{ picture: HostTensor; nothing: HostTensor }> {
  const states = readsStates(config);
  const vision = await model.openVision?.(visionWidthsOf(config));
  if (!vision) {
    const what = `a CLIP vision encoder whose ${states ? 'states are' : 'embedding is'} ${config.visionWidth} wide`;
    const message = `${unitName(each.index)}: ${each.found!.title} needs ${what}; put one into models/clip_vision.`;
    throw new UserError('control.vision', message);
  }
  const network = { graph: () => clipVisionGraph(vision.config), weights: vision.weights };
  const name = `${besideName(each)} vision`;
  const side = vision.config.imageSize;
  const shape = [1, 3, side, side];
  const { embedding, states: seen } = yield* sessions.once(name, network, {
    pixels: f32(shape, clipPixels(image, side)),
  });
  if (!states) return { picture: embedding!, nothing: f32(embedding!.shape, new Float32Array(embedding!.data.length)) };
  const black = yield* sessions.once(name, network, { pixels: f32(shape, new Float32Array(3 * side * side)) });
  return { picture: seen!, nothing: black.states! };
}

/** CLIP's own preparation: the shorter side resized (bicubic), the middle cut out, normalised. */
function clipPixels(image: PixelImage, side: number): Float32Array {
  const { width, height } = image;
  const k = side / Math.min(width, height);
  const scaled = { width: Math.max(Math.trunc(width * k), side), height: Math.max(Math.trunc(height * k), side) };
  const cells = width * height;
  const planes = new Float32Array(3 * cells);
  const rgb = toRgb(image).data;
  for (let i = 0; i < cells; i++) for (let c = 0; c < 3; c++) planes[c * cells + i] = rgb[3 * i + c]!;
  const toByte = (v: number): number => Math.min(Math.max(Math.round(v), 0), 255);
  const made = resizePlanes(planes, image, scaled, 'bicubic', toByte);
  const [left, top] = [Math.floor((scaled.width - side) / 2), Math.floor((scaled.height - side) / 2)];
  const out = new Float32Array(3 * side * side);
  for (let c = 0; c < 3; c++) {
    for (let y = 0; y < side; y++) {
      for (let x = 0; x < side; x++) {
        const value = made[(c * scaled.height + top + y) * scaled.width + left + x]! / 255;
        out[(c * side + y) * side + x] = (value - clipMean[c]!) / clipDeviation[c]!;
      }
    }
  }
  return out;
}
