/**
 * Pictures as planes: float32 [channels, height, width] in -1..1, as they enter and leave the autoencoder.
 *
 * Bytes are floor(unit * 255), as A1111 and Pillow have it.
 */

import type { PixelImage } from '#core/image';

/** RGB bytes -> planes; alpha lies over white, grey becomes three equal planes. */
export function planesOf({ data, width, height, channels }: PixelImage): Float32Array {
  const cells = width * height;
  const planes = new Float32Array(3 * cells);
  for (let i = 0; i < cells; i++) {
    const at = i * channels;
    const alpha = channels === 4 ? data[at + 3]! / 255 : 1;
    for (let c = 0; c < 3; c++) {
      const value = data[channels === 1 ? at : at + c]!;
      planes[c * cells + i] = (2 * (alpha === 1 ? value : value * alpha + 255 * (1 - alpha))) / 255 - 1;
    }
  }
  return planes;
}

/** Planes, clipped to -1..1 -> RGB bytes. */
export function imageOfPlanes(planes: Float32Array, width: number, height: number): PixelImage {
  const cells = width * height;
  const data = new Uint8Array(3 * cells);
  for (let c = 0; c < 3; c++) {
    for (let i = 0; i < cells; i++) data[3 * i + c] = byteOf(planes[c * cells + i]!);
  }
  return { width, height, channels: 3, data };
}

/** -1..1 -> 0..255. */
export function byteOf(value: number): number {
  return Math.floor(Math.min(Math.max((value + 1) / 2, 0), 1) * 255);
}

/** Joins [images, a, cells] and [images, b, cells] to [images, a + b, cells]. */
export function joinChannels(a: Float32Array, b: Float32Array, images: number, cells: number): Float32Array {
  const out = new Float32Array(a.length + b.length);
  const [sizeA, sizeB] = [a.length / images, b.length / images];
  if (!Number.isInteger(sizeA / cells) || !Number.isInteger(sizeB / cells)) throw new RangeError('planes do not fit');
  for (let i = 0; i < images; i++) {
    out.set(a.subarray(i * sizeA, (i + 1) * sizeA), i * (sizeA + sizeB));
    out.set(b.subarray(i * sizeB, (i + 1) * sizeB), i * (sizeA + sizeB) + sizeA);
  }
  return out;
}

/** A place beyond a line's ends, mirrored back into it without repeating the cell at the edge. */
export function mirrored(index: number, length: number): number {
  if (length === 1) return 0;
  const period = 2 * (length - 1);
  const i = ((index % period) + period) % period;
  return i < length ? i : period - i;
}
