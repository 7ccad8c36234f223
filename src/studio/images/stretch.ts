/** Resizing that lets go of a picture's shape (A1111's `resize_mode` 0). */

import type { PixelImage } from '#core/image';
import { resizePlanes } from '#pipelines/resample';

/** The whole picture in the given size: Lanczos, each channel by itself, bytes as in Pillow. */
export function stretch(image: PixelImage, width: number, height: number): PixelImage {
  if (image.width === width && image.height === height) return image;
  const { channels } = image;
  const size = width * height;
  const out = new Uint8Array(size * channels);
  const toByte = (value: number) => Math.min(Math.max(Math.round(value), 0), 255);
  for (let channel = 0; channel < channels; channel++) {
    const resized = resizePlanes(planeOf(image, channel), image, { width, height }, 'lanczos', toByte);
    for (let i = 0; i < size; i++) out[i * channels + channel] = resized[i]!;
  }
  return { width, height, channels, data: out };
}

/** One channel at a time: all of them as floats would be four times the picture. */
function planeOf({ width, height, channels, data }: PixelImage, channel: number): Float32Array {
  const plane = new Float32Array(width * height);
  for (let i = 0; i < plane.length; i++) plane[i] = data[i * channels + channel]!;
  return plane;
}
