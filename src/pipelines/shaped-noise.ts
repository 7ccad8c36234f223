/**
 * Noise that looks like a picture from afar: the phases and, by a power, the amplitudes of the picture's spectrum on
 * noise, brought to the picture's colours by matching histograms.
 *
 * Source: the idea of AUTOMATIC1111 web UI v1.10.1, scripts/outpainting_mk_2.py (`get_matched_noise`).
 */

import type { PixelImage } from '#core/image';

export interface ShapedNoiseOptions {
  /** Power of the spectrum's amplitudes: 0 plain noise, 1 as the picture, more is smoother. */
  readonly falloff: number;
  /** How much the noise differs by colour, 0..1. */
  readonly colorVariation: number;
  /** Unit normal, [3 * height * width]. */
  readonly random: ArrayLike<number>;
}

/** The RGB picture with noise where `mask` [height * width] is not 0. */
export function shapedNoise(image: PixelImage, mask: Uint8Array, options: ShapedNoiseOptions): PixelImage {
  const { width, height } = image;
  const cells = width * height;
  const [columns, rows] = [powerOfTwo(width), powerOfTwo(height)];
  const data = Uint8Array.from(image.data);
  for (let c = 0; c < 3; c++) {
    const channel = Float64Array.from({ length: cells }, (_, i) => image.data[3 * i + c]! / 255);
    const noise = noiseOf(options, c, cells);
    const picture = spectrum(padded(channel, image, columns, rows), columns, rows);
    const shaped = spectrum(padded(noise, image, columns, rows), columns, rows);
    for (let i = 0; i < columns * rows; i++) {
      const amplitude = Math.hypot(picture.re[i]!, picture.im[i]!) || 1e-12;
      const factor = (Math.hypot(shaped.re[i]!, shaped.im[i]!) * amplitude ** options.falloff) / amplitude;
      shaped.re[i] = picture.re[i]! * factor;
      shaped.im[i] = picture.im[i]! * factor;
    }
    const plane = inverse(shaped, columns, rows);
    const values = Float64Array.from(
      { length: cells },
      (_, i) => plane[Math.floor(i / width) * columns + (i % width)]!,
    );
    matchHistogram(values, channel, mask, data, c);
  }
  return { ...image, data };
}

function noiseOf({ random, colorVariation }: ShapedNoiseOptions, channel: number, cells: number): Float64Array {
  return Float64Array.from({ length: cells }, (_, i) => {
    const grey = (random[i]! + random[cells + i]! + random[2 * cells + i]!) / 3;
    return colorVariation * random[channel * cells + i]! + (1 - colorVariation) * grey;
  });
}

/** Writes what is masked so that its values are spread as those that are not; of a mask of all, as the whole picture's. */
function matchHistogram(
  values: Float64Array,
  channel: Float64Array,
  mask: Uint8Array,
  data: Uint8Array,
  c: number,
): void {
  const masked = [...values.keys()].filter((i) => mask[i]! > 0);
  const seen = Float64Array.from([...channel.keys()].filter((i) => mask[i] === 0)).map((i) => channel[i]!);
  const wanted = (seen.length > 0 ? seen : channel.slice()).sort();
  masked.sort((a, b) => values[a]! - values[b]!);
  for (const [rank, i] of masked.entries()) {
    const at = Math.min(Math.floor(((rank + 0.5) / masked.length) * wanted.length), wanted.length - 1);
    data[3 * i + c] = Math.round(wanted[at]! * 255);
  }
}

interface Complex {
  readonly re: Float64Array;
  readonly im: Float64Array;
}

function powerOfTwo(length: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(length, 2)));
}

/** [rows, columns] with the plane's mirror beyond it, so that its edges make no lines in the spectrum. */
function padded(plane: Float64Array, { width, height }: PixelImage, columns: number, rows: number): Float64Array {
  const mirror = (i: number, length: number): number => (i < length ? i : Math.max(2 * length - 1 - i, 0));
  return Float64Array.from({ length: columns * rows }, (_, i) => {
    return plane[mirror(Math.floor(i / columns), height) * width + mirror(i % columns, width)]!;
  });
}

function spectrum(plane: Float64Array, columns: number, rows: number): Complex {
  const found = { re: plane.slice(), im: new Float64Array(plane.length) };
  transformAxes(found, columns, rows);
  return found;
}

/** Real part of the inverse transform, up to a factor. */
function inverse({ re, im }: Complex, columns: number, rows: number): Float64Array {
  const conjugate = { re, im: im.map((v) => -v) };
  transformAxes(conjugate, columns, rows);
  return conjugate.re;
}

function transformAxes(plane: Complex, columns: number, rows: number): void {
  for (let y = 0; y < rows; y++) transform(plane, y * columns, 1, columns);
  for (let x = 0; x < columns; x++) transform(plane, x, columns, rows);
}

/** Cooley and Tukey's transform in place, radix 2, over `count` cells that lie `stride` apart. */
function transform({ re, im }: Complex, start: number, stride: number, count: number): void {
  const at = (i: number): number => start + i * stride;
  const swap = (plane: Float64Array, a: number, b: number): void => {
    const kept = plane[a]!;
    plane[a] = plane[b]!;
    plane[b] = kept;
  };
  for (let i = 1, j = 0; i < count; i++) {
    let bit = count >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) {
      swap(re, at(i), at(j));
      swap(im, at(i), at(j));
    }
  }
  for (let half = 1; half < count; half *= 2) {
    for (let k = 0; k < half; k++) {
      const angle = (-Math.PI * k) / half;
      const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
      for (let i = k; i < count; i += 2 * half) {
        const [a, b] = [at(i), at(i + half)];
        const [real, imaginary] = [re[b]! * cos - im[b]! * sin, re[b]! * sin + im[b]! * cos];
        re[b] = re[a]! - real;
        im[b] = im[a]! - imaginary;
        re[a]! += real;
        im[a]! += imaginary;
      }
    }
  }
}
