/** From a pass's latents to pictures: finished ones and previews. */

import type { PixelImage } from '#core/image';
import type { Latent } from '#diffusion/numbers';
import { type Autoencoding, decoderOf, previewDecoder } from './autoencoding.ts';
import { correctColours } from './colour-correction.ts';
import { blendUnmasked } from './denoiser.ts';
import type { SamplingPass } from './job.ts';
import { decodeLatent, imageOfDecoded, previewLatent } from './latents.ts';
import { overlayOriginal } from './mask.ts';
import { layBack, spread } from './only-masked.ts';
import type { LoadingEvent, ModelSessions } from './sessions.ts';
import { changedPixels, softOf } from './soft-inpainting.ts';
import type { StartPicture } from './start.ts';

type Loading<T> = AsyncGenerator<LoadingEvent, T, undefined>;

/** Decodes picture `k` of a batch; what was not to be changed is the original's, to the pixel. */
export async function* finishPicture(
  pass: SamplingPass,
  sessions: ModelSessions,
  { original, mask, latent: kept, masked }: StartPicture,
  latents: Latent,
  k: number,
): Loading<PixelImage> {
  const latent = pickLatent(latents, k, pass);
  const soft = mask && kept && softOf(pass.request);
  if (mask && kept && !soft) blendUnmasked(latent, kept, mask.latent);
  const changed = soft && changedPixels(latent, kept, mask.latent, pass, soft);
  const plain = yield* decode(pass, sessions, latent);
  const image = original && pass.request.colorCorrection ? correctColours(plain, original) : plain;
  if (!pass.request.overlayOriginal) return image;
  if (masked) return layBack(image, changed ? { ...masked, pixels: spread(changed, pass.size, masked) } : masked);
  return original && mask ? overlayOriginal(image, original, changed ? { ...mask, pixels: changed } : mask) : image;
}

/** One latent [c, h, w]. */
export async function* decode(pass: SamplingPass, sessions: ModelSessions, latent: Float32Array): Loading<PixelImage> {
  return await decoded(pass, yield* decoderOf(pass, sessions), latent);
}

async function decoded({ latentSize }: SamplingPass, { session, format }: Autoencoding, latent: Float32Array) {
  return imageOfDecoded(await decodeLatent(session, format, latent, latentSize), format, latentSize);
}

/** By the tiny decoder where it is there; else small linear estimates, of models without factors for them in full. */
export async function* previews(
  pass: SamplingPass,
  sessions: ModelSessions,
  denoised: Latent,
  count: number,
): Loading<PixelImage[]> {
  const { previewFactors } = pass.model.parts.latent;
  const tiny = yield* previewDecoder(pass, sessions);
  const images: PixelImage[] = [];
  for (let k = 0; k < count; k++) {
    const latent = pickLatent(denoised, k, pass);
    if (tiny) images.push(await decoded(pass, tiny, latent));
    else if (previewFactors) images.push(previewLatent(latent, previewFactors, pass.latentSize));
    else images.push(yield* decode(pass, sessions, latent));
  }
  return images;
}

/** Latent `k` of a batch, a copy. */
export function pickLatent(latents: Latent, k: number, { model, latentSize }: SamplingPass): Float32Array {
  const size = model.parts.latent.channels * latentSize.height * latentSize.width;
  return Float32Array.from(latents.subarray(k * size, (k + 1) * size));
}
