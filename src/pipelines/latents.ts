/** Pictures to latents and back, one picture at a time so that memory does not grow with the batch. */

import type { PixelImage } from '#core/image';
import { f32 } from '#core/tensor';
import type { Session } from '#engine/backend';
import type { LatentFormat } from '#models/family';
import { checkFinite } from './non-finite.ts';
import { byteOf, imageOfPlanes } from './planes.ts';
import type { PlaneSize } from './resample.ts';

/** Picture [3, f*h, f*w] in -1..1 -> the mean of its posterior in the denoiser's scale, [c, h, w]. */
export async function encodePlanes(
  session: Session,
  { factor, scale }: LatentFormat,
  planes: Float32Array,
  size: PlaneSize,
): Promise<Float32Array> {
  const image = f32([1, 3, size.height * factor, size.width * factor], planes);
  const { mean } = await session.run({ image });
  const latent = (mean!.data as Float32Array).map((v) => v * scale);
  checkFinite(latent, 'vae', 'encoding a picture');
  return latent;
}

/** Latent [c, h, w] in the denoiser's scale -> planes [3, f*h, f*w], about -1..1. */
export async function decodeLatent(
  session: Session,
  { channels, scale }: LatentFormat,
  latent: Float32Array,
  size: PlaneSize,
): Promise<Float32Array> {
  const scaled = latent.map((v) => v / scale);
  const { image } = await session.run({ latent: f32([1, channels, size.height, size.width], scaled) });
  const planes = image!.data as Float32Array;
  checkFinite(planes, 'vae', 'decoding a picture');
  return planes;
}

export function imageOfDecoded(planes: Float32Array, { factor }: LatentFormat, size: PlaneSize): PixelImage {
  return imageOfPlanes(planes, size.width * factor, size.height * factor);
}

/** A rough picture at the latent's size: colours are linear in the channels, `factors` [channels][3]. */
export function previewLatent(
  latent: ArrayLike<number>,
  factors: readonly (readonly number[])[],
  { width, height }: PlaneSize,
): PixelImage {
  const cells = width * height;
  const data = new Uint8Array(3 * cells);
  for (let i = 0; i < cells; i++) {
    for (let c = 0; c < 3; c++) {
      let value = 0;
      for (const [k, row] of factors.entries()) value += latent[k * cells + i]! * row[c]!;
      data[3 * i + c] = byteOf(value);
    }
  }
  return { width, height, channels: 3, data };
}
