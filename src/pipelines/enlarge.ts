/** From what a pass drew to what the next one begins with: enlarged as latents, or as pictures that are encoded again. */

import type { PixelImage } from '#core/image';
import type { Latent } from '#diffusion/numbers';
import { encoderOf } from './autoencoding.ts';
import { decode, pickLatent } from './decode.ts';
import { latentMode } from './hires.ts';
import type { SamplingPass } from './job.ts';
import { encodePlanes } from './latents.ts';
import { cover, toRgb } from './picture.ts';
import { planesOf } from './planes.ts';
import type { GenerateEvent } from './request.ts';
import { type PlaneSize, resizePlanes } from './resample.ts';
import type { LatentSize, ModelSessions } from './sessions.ts';
import { emptyMaskInput, type StartPicture } from './start.ts';
import type { Upscalers } from './upscale/upscalers.ts';

interface EnlargeMeans {
  /** The compiled parts of a pass's model. */
  sessions(pass: SamplingPass): Promise<ModelSessions>;
  readonly upscalers: Upscalers;
  readonly signal?: AbortSignal | undefined;
}

export interface EnlargeParts extends EnlargeMeans {
  /** Of the pass before, and what it made of `count` pictures. */
  readonly before: SamplingPass;
  readonly latents: Latent;
  readonly count: number;
}

type Enlarging<T> = AsyncGenerator<GenerateEvent, T | undefined, undefined>;

/** The start of a pass that enlarges; undefined where it was stopped meanwhile. */
export async function* enlarge(pass: SamplingPass, parts: EnlargeParts): Enlarging<StartPicture> {
  const cells = cellsOf(pass);
  const filter = latentMode(pass.enlarge!.upscaler);
  const large = filter
    ? resizePlanes(Float32Array.from(parts.latents), parts.before.latentSize, cells, filter)
    : yield* enlargeDrawn(pass, parts);
  if (!large) return undefined;
  return { latents: cropCells(large, cells, pass.latentSize), extra: yield* extraOf(pass, parts) };
}

/**
 * The start of a pass that enlarges a picture which stands for what the pass before would have drawn: from the picture's
 * own size, stretched where its shape is another (A1111's `firstpass_image`); undefined where it was stopped meanwhile.
 */
export async function* enlargeGiven(
  pass: SamplingPass,
  given: PixelImage,
  means: EnlargeMeans,
): Enlarging<StartPicture> {
  const cells = cellsOf(pass);
  const filter = latentMode(pass.enlarge!.upscaler);
  const picture = toRgb(given);
  const latent = filter ? yield* asLatent(pass, picture, means) : yield* asPicture(pass, picture, means);
  if (!latent) return undefined;
  return { latent: cropCells(latent, cells, pass.latentSize), extra: yield* extraOf(pass, means) };
}

/** Of what a pass enlarges to, before what sticks out is cut off. */
function cellsOf({ model, enlarge: asked }: SamplingPass): LatentSize {
  const { factor } = model.parts.latent;
  return { width: asked!.to.width / factor, height: asked!.to.height / factor };
}

async function* extraOf(pass: SamplingPass, { sessions }: EnlargeMeans) {
  return yield* emptyMaskInput(pass, await sessions(pass));
}

/** Decoded, enlarged, and encoded again by the model of the pass to come. */
async function* enlargeDrawn(
  pass: SamplingPass,
  { before, latents, count, ...means }: EnlargeParts,
): Enlarging<Float32Array> {
  const pictures: PixelImage[] = [];
  for (let k = 0; k < count; k++) {
    const small = yield* decode(before, await means.sessions(before), pickLatent(latents, k, before));
    const picture = yield* enlargePicture(pass, small, means);
    if (!picture) return undefined;
    pictures.push(picture);
  }
  return yield* encodeLarge(pass, pictures, means);
}

async function* asPicture(pass: SamplingPass, picture: PixelImage, means: EnlargeMeans): Enlarging<Float32Array> {
  const large = yield* enlargePicture(pass, picture, means);
  return large && (yield* encodeLarge(pass, [large], means));
}

async function* enlargePicture(
  { enlarge: asked }: SamplingPass,
  small: PixelImage,
  { upscalers, signal }: EnlargeMeans,
): Enlarging<PixelImage> {
  const run = upscalers.upscale(small, { ...asked!, signal });
  let step = await run.next();
  for (; !step.done; step = await run.next()) if (step.value.type === 'loading') yield step.value;
  return step.value;
}

async function* encodeLarge(pass: SamplingPass, pictures: readonly PixelImage[], { sessions }: EnlargeMeans) {
  const cells = cellsOf(pass);
  const { channels } = pass.model.parts.latent;
  const large = new Float32Array(pictures.length * channels * cells.width * cells.height);
  const encoder = yield* encoderOf(pass, await sessions(pass), cells);
  for (const [k, picture] of pictures.entries()) {
    const latent = await encodePlanes(encoder.session, encoder.format, planesOf(picture), cells);
    large.set(latent, k * latent.length);
  }
  return large;
}

/** Encoded at its own size by the model of the pass before, and enlarged as its latents would be. */
async function* asLatent(pass: SamplingPass, picture: PixelImage, { sessions }: EnlargeMeans) {
  const before = pass.before!;
  const { factor } = before.model.parts.latent;
  const own = {
    width: Math.max(Math.floor(picture.width / factor), 1),
    height: Math.max(Math.floor(picture.height / factor), 1),
  };
  const onGrid = cover(picture, { width: own.width * factor, height: own.height * factor });
  const { session, format } = yield* encoderOf(before, await sessions(before), own);
  const latent = await encodePlanes(session, format, planesOf(onGrid), own);
  return resizePlanes(latent, own, cellsOf(pass), latentMode(pass.enlarge!.upscaler)!);
}

/** The middle of planes [n, height, width]; of an odd rest, one more is cut off at the right and below. */
function cropCells(planes: Float32Array, from: PlaneSize, to: PlaneSize): Float32Array {
  if (from.width === to.width && from.height === to.height) return planes;
  const count = planes.length / (from.width * from.height);
  const [left, top] = [(from.width - to.width) >> 1, (from.height - to.height) >> 1];
  const out = new Float32Array(count * to.width * to.height);
  for (let p = 0; p < count; p++) {
    for (let y = 0; y < to.height; y++) {
      const start = (p * from.height + top + y) * from.width + left;
      out.set(planes.subarray(start, start + to.width), (p * to.height + y) * to.width);
    }
  }
  return out;
}
