/**
 * Pictures at the size that annotators work at, as sd-webui-controlnet brings them there with OpenCV: by covered area
 * when they get smaller, by cubic interpolation when larger, then padded to multiples of 64 by their edges.
 */

import { UserError } from '#core/errors';
import type { PixelImage } from '#core/image';
import { resizePlanes } from '../resample.ts';

/** Pixels beyond which a hint is a mistake rather than a wish. */
const mostPixels = 4096 * 4096;

const toByte = (value: number): number => Math.min(Math.max(Math.round(value), 0), 255);

/** The shorter side at `resolution`. @throws UserError for more than a hint can have */
export function atResolution(image: PixelImage, resolution: number): PixelImage {
  const k = resolution / Math.min(image.width, image.height);
  const size = { width: roundHalfEven(image.width * k), height: roundHalfEven(image.height * k) };
  return resized(image, size);
}

/** numpy's rounding. */
function roundHalfEven(value: number): number {
  const rounded = Math.round(value);
  return Math.abs(value % 1) === 0.5 && rounded % 2 === 1 ? rounded - 1 : rounded;
}

/** @throws UserError for more than a hint can have */
export function resized(image: PixelImage, size: { readonly width: number; readonly height: number }): PixelImage {
  const { width, height, channels, data } = image;
  if (width === size.width && height === size.height) return image;
  if (size.width * size.height > mostPixels) {
    const message = `The hint would be ${size.width} x ${size.height} pixels, more than can be made; give a lower resolution.`;
    throw new UserError('control.resolution', message);
  }
  const filter = size.width * size.height < width * height ? 'covered' : 'point-bicubic';
  const cells = width * height;
  const planes = new Float32Array(channels * cells);
  for (let i = 0; i < cells; i++) for (let c = 0; c < channels; c++) planes[c * cells + i] = data[i * channels + c]!;
  const made = resizePlanes(planes, image, size, filter);
  const outCells = size.width * size.height;
  const out = new Uint8Array(channels * outCells);
  for (let i = 0; i < outCells; i++) {
    for (let c = 0; c < channels; c++) out[i * channels + c] = toByte(made[c * outCells + i]!);
  }
  return { ...size, channels, data: out };
}

/** `work` on the picture at a resolution with its edges repeated up to multiples of 64; what was added is cut off. */
export function padded(image: PixelImage, resolution: number, work: (image: PixelImage) => PixelImage): PixelImage {
  const scaled = atResolution(image, resolution);
  const up = (side: number): number => Math.ceil(side / 64) * 64;
  const wide = extended(scaled, up(scaled.width), up(scaled.height));
  return extended(work(wide), scaled.width, scaled.height);
}

/** From the top left; what lies beyond repeats the edge. */
function extended({ width, height, channels, data }: PixelImage, toWidth: number, toHeight: number): PixelImage {
  const out = new Uint8Array(toWidth * toHeight * channels);
  for (let y = 0; y < toHeight; y++) {
    for (let x = 0; x < toWidth; x++) {
      const from = (Math.min(y, height - 1) * width + Math.min(x, width - 1)) * channels;
      for (let c = 0; c < channels; c++) out[(y * toWidth + x) * channels + c] = data[from + c]!;
    }
  }
  return { width: toWidth, height: toHeight, channels, data: out };
}

/** RGB of one value each. */
export function greyPicture(width: number, height: number, values: ArrayLike<number>): PixelImage {
  const data = new Uint8Array(3 * width * height);
  for (let i = 0; i < width * height; i++) data.fill(toByte(values[i]!), 3 * i, 3 * i + 3);
  return { width, height, channels: 3, data };
}
