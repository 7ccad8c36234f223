/** Pictures on their way in: resized, cropped, reduced to one channel. Bytes throughout, as in Pillow. */

import type { PixelImage } from '#core/image';
import { type PlaneSize, type ResampleFilter, resizePlanes } from './resample.ts';

const toByte = (value: number): number => Math.min(Math.max(Math.round(value), 0), 255);

/** Fills `size` with the picture, keeping its shape: Lanczos, and what sticks out is cropped evenly. */
export function cover(image: PixelImage, size: PlaneSize): PixelImage {
  const { width, height } = image;
  if (width === size.width && height === size.height) return image;
  const wider = size.width / size.height > width / height;
  const scaled = wider
    ? { width: size.width, height: Math.max(Math.floor((height * size.width) / width), size.height) }
    : { width: Math.max(Math.floor((width * size.height) / height), size.width), height: size.height };
  return cropCentre(resize(image, scaled), size);
}

/** The picture at `size`: stretched, covering it and cut (A1111's "Crop and resize"), or inside it with its edges drawn out. */
export function fitted(image: PixelImage, size: PlaneSize, mode: string): PixelImage {
  if (mode === 'Just resize') return resize(image, size);
  return mode === 'Resize and fill' ? inside(image, size) : cover(image, size);
}

/** As large as fits, in the middle; what is left is filled with the edge. */
function inside(image: PixelImage, size: PlaneSize): PixelImage {
  const isWider = size.width * image.height < image.width * size.height;
  const own = isWider
    ? { width: size.width, height: Math.max(Math.floor((image.height * size.width) / image.width), 1) }
    : { width: Math.max(Math.floor((image.width * size.height) / image.height), 1), height: size.height };
  const resized = resize(image, own);
  const { channels, data } = resized;
  const [left, top] = [(size.width >> 1) - (own.width >> 1), (size.height >> 1) - (own.height >> 1)];
  const out = new Uint8Array(channels * size.width * size.height);
  for (let y = 0; y < size.height; y++) {
    for (let x = 0; x < size.width; x++) {
      const [row, column] = [y - top, x - left];
      const inRow = row >= 0 && row < own.height;
      const within = inRow && column >= 0 && column < own.width;
      const at = channels * (row * own.width + column);
      const pixel = within ? data.subarray(at, at + channels) : edgeOf(resized, row, column);
      out.set(pixel, channels * (y * size.width + x));
    }
  }
  return { ...size, channels, data: out };
}

/**
 * What lies beyond the edge of a picture, at a place that is outside along one axis: the edge as Pillow's bicubic filter
 * reads it half a pixel outside, where the web UI stretches a strip without height.
 */
function edgeOf({ width, height, channels, data }: PixelImage, row: number, column: number): Uint8Array {
  const [y, beyondY] = edgePlace(row, height);
  const [x, beyondX] = edgePlace(column, width);
  const [outer, inner] = [channels * (y * width + x), channels * (beyondY * width + beyondX)];
  return Uint8Array.from({ length: channels }, (_, c) => toByte(1.125 * data[outer + c]! - 0.125 * data[inner + c]!));
}

/** The nearest place inside, and the one behind it as seen from outside; twice the same where there is none. */
function edgePlace(at: number, length: number): [nearest: number, behind: number] {
  if (at < 0) return [0, Math.min(1, length - 1)];
  return at < length ? [at, at] : [length - 1, Math.max(length - 2, 0)];
}

/** Resized, by Lanczos unless another filter is given; transparency is laid over white first. */
export function resize(image: PixelImage, to: PlaneSize, filter: ResampleFilter = 'lanczos'): PixelImage {
  if (image.width === to.width && image.height === to.height) return flatten(image);
  const { width, height, channels, data } = flatten(image);
  const cells = width * height;
  const planes = new Float32Array(channels * cells);
  for (let i = 0; i < cells; i++) for (let c = 0; c < channels; c++) planes[c * cells + i] = data[i * channels + c]!;
  const resized = resizePlanes(planes, image, to, filter, toByte);
  const out = new Uint8Array(resized.length);
  const outCells = to.width * to.height;
  for (let i = 0; i < outCells; i++) {
    for (let c = 0; c < channels; c++) out[i * channels + c] = resized[c * outCells + i]!;
  }
  return { width: to.width, height: to.height, channels, data: out };
}

/** One channel alone, resized by Lanczos. */
export function resizeChannel(
  { width, height, channels, data }: PixelImage,
  channel: number,
  to: PlaneSize,
): Uint8Array {
  const grey = Uint8Array.from({ length: width * height }, (_, i) => data[i * channels + channel]!);
  return resize({ width, height, channels: 1, data: grey }, to).data;
}

/** RGB with these opacities. */
export function withAlpha({ width, height, data }: PixelImage, alpha: Uint8Array): PixelImage {
  const out = new Uint8Array(4 * width * height);
  for (let i = 0; i < width * height; i++) {
    out.set(data.subarray(3 * i, 3 * i + 3), 4 * i);
    out[4 * i + 3] = alpha[i]!;
  }
  return { width, height, channels: 4, data: out };
}

/** The middle, evenly cut. */
export function cropCentre(image: PixelImage, size: PlaneSize): PixelImage {
  const { width, height } = image;
  if (width === size.width && height === size.height) return image;
  const left = Math.floor((width - size.width) / 2);
  const top = Math.floor((height - size.height) / 2);
  return cropped(image, { ...size, left, top });
}

/** The pixels of a rectangle that lies inside the picture. */
export function cropped(
  { width, channels, data }: PixelImage,
  { left, top, ...size }: PlaneSize & { readonly left: number; readonly top: number },
): PixelImage {
  const out = new Uint8Array(size.width * size.height * channels);
  for (let y = 0; y < size.height; y++) {
    const start = ((top + y) * width + left) * channels;
    out.set(data.subarray(start, start + size.width * channels), y * size.width * channels);
  }
  return { width: size.width, height: size.height, channels, data: out };
}

/** RGBA over white -> RGB; other pictures as they are. */
export function flatten(image: PixelImage): PixelImage {
  if (image.channels !== 4) return image;
  const { width, height, data } = image;
  const out = new Uint8Array(width * height * 3);
  for (let i = 0; i < width * height; i++) {
    const alpha = data[4 * i + 3]! / 255;
    for (let c = 0; c < 3; c++) out[3 * i + c] = toByte(data[4 * i + c]! * alpha + 255 * (1 - alpha));
  }
  return { width, height, channels: 3, data: out };
}

/** Every channel count -> RGB. */
export function toRgb(image: PixelImage): PixelImage {
  const { width, height, channels, data } = flatten(image);
  if (channels === 3) return { width, height, channels, data };
  const out = new Uint8Array(width * height * 3);
  for (let i = 0; i < data.length; i++) out.fill(data[i]!, 3 * i, 3 * i + 3);
  return { width, height, channels: 3, data: out };
}

/** Luminance by ITU-R 601, in Pillow's fixed point. */
export function luminance({ width, height, channels, data }: PixelImage): Uint8Array {
  if (channels === 1) return data;
  const grey = new Uint8Array(width * height);
  for (let i = 0; i < grey.length; i++) {
    const at = i * channels;
    grey[i] = (data[at]! * 19595 + data[at + 1]! * 38470 + data[at + 2]! * 7471 + 0x8000) >> 16;
  }
  return grey;
}
