/** From what a pass drew to what the next one begins with: enlarged as latents, or as pictures that are encoded again. */

import type { Latent } from '#diffusion/numbers';
import { encoderOf } from './autoencoding.ts';
import { decode, pickLatent } from './decode.ts';
import { latentMode } from './hires.ts';
import type { SamplingPass } from './job.ts';
import { encodePlanes } from './latents.ts';
import { planesOf } from './planes.ts';
import type { GenerateEvent } from './request.ts';
import { type PlaneSize, resizePlanes } from './resample.ts';
import type { LatentSize, ModelSessions } from './sessions.ts';
import { emptyMaskInput, type StartPicture } from './start.ts';
import type { Upscalers } from './upscale/upscalers.ts';

export interface EnlargeParts {
  /** Of the pass before, and what it made of `count` pictures. */
  readonly before: SamplingPass;
  readonly latents: Latent;
  readonly count: number;
  /** The compiled parts of a pass's model. */
  sessions(pass: SamplingPass): Promise<ModelSessions>;
  readonly upscalers: Upscalers;
  readonly signal?: AbortSignal | undefined;
}

/** The start of a pass that enlarges; undefined where it was stopped meanwhile. */
export async function* enlarge(
  pass: SamplingPass,
  parts: EnlargeParts,
): AsyncGenerator<GenerateEvent, StartPicture | undefined, undefined> {
  const { factor } = pass.model.parts.latent;
  const { to, upscaler } = pass.enlarge!;
  const cells = { width: to.width / factor, height: to.height / factor };
  const filter = latentMode(upscaler);
  const large = filter
    ? resizePlanes(Float32Array.from(parts.latents), parts.before.latentSize, cells, filter)
    : yield* enlargePictures(pass, parts, cells);
  if (!large) return undefined;
  const sessions = await parts.sessions(pass);
  const extra = yield* emptyMaskInput(pass, sessions);
  return { latents: cropCells(large, cells, pass.latentSize), extra };
}

/** Decoded, enlarged, and encoded again by the model of the pass to come. */
async function* enlargePictures(
  pass: SamplingPass,
  { before, latents, count, sessions, upscalers, signal }: EnlargeParts,
  cells: LatentSize,
): AsyncGenerator<GenerateEvent, Float32Array | undefined, undefined> {
  const { to, upscaler } = pass.enlarge!;
  const { latent: format } = pass.model.parts;
  const large = new Float32Array(count * format.channels * cells.width * cells.height);
  const pictures = [];
  for (let k = 0; k < count; k++) {
    const small = yield* decode(before, await sessions(before), pickLatent(latents, k, before));
    const run = upscalers.upscale(small, { upscaler, to, signal });
    let step = await run.next();
    for (; !step.done; step = await run.next()) if (step.value.type === 'loading') yield step.value;
    if (!step.value) return undefined;
    pictures.push(step.value);
  }
  const encoder = yield* encoderOf(pass, await sessions(pass), cells);
  for (const [k, picture] of pictures.entries()) {
    const latent = await encodePlanes(encoder.session, encoder.format, planesOf(picture), cells);
    large.set(latent, k * latent.length);
  }
  return large;
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
