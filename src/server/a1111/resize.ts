/** Source pictures of img2img in the size that is painted. */

import type { PixelImage } from '#core/image';
import type { GenerateInput } from '#pipelines/request';
import { resizePlanes } from '#pipelines/resample';

interface Pictures {
  readonly init: PixelImage;
  readonly mask: PixelImage | undefined;
}

/**
 * Stretched for `resize_mode` 0 where both sides are given; else as they are, to be cut to cover. Where only the masked
 * area is painted, the picture keeps its own size.
 */
export function resized(pictures: Pictures, { width, height, inpaintArea }: GenerateInput, mode: number): Pictures {
  if (mode !== 0 || width === undefined || height === undefined || inpaintArea === 'Only masked') return pictures;
  const { init, mask } = pictures;
  return { init: stretch(init, width, height), mask: mask && stretch(mask, width, height) };
}

/** The whole picture in the given size, whatever its shape. */
export function stretch(image: PixelImage, width: number, height: number): PixelImage {
  if (image.width === width && image.height === height) return image;
  const { channels, data } = image;
  const cells = image.width * image.height;
  const planes = new Float32Array(data.length);
  for (let i = 0; i < data.length; i++) planes[(i % channels) * cells + Math.floor(i / channels)] = data[i]!;
  const toByte = (value: number) => Math.min(Math.max(Math.round(value), 0), 255);
  const resizedPlanes = resizePlanes(planes, image, { width, height }, 'lanczos', toByte);
  const out = new Uint8Array(width * height * channels);
  const plane = width * height;
  for (let i = 0; i < out.length; i++) out[i] = resizedPlanes[(i % channels) * plane + Math.floor(i / channels)]!;
  return { width, height, channels, data: out };
}
