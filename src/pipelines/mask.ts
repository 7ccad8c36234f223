/**
 * What an inpainting mask says: which latent cells are repainted, how the result is laid over the original, and what is
 * under the mask at the start. Rules of A1111 modules/processing.py (`StableDiffusionProcessingImg2Img.init`,
 * `create_binary_mask`) and modules/masking.py (`fill`).
 *
 * Painting only the masked area is in only-masked.ts, soft inpainting in soft-inpainting.ts.
 */

import type { PixelImage } from '#core/image';
import { fitted, flatten, luminance, resize } from './picture.ts';
import { mirrored } from './planes.ts';
import { type PlaneSize, resizePlanes } from './resample.ts';

export interface InpaintMask {
  /** [latent cells] 1 = repaint, 0 = keep. */
  readonly latent: Float32Array;
  /** [pixels] 0..255, blurred: where the picture changes. */
  readonly pixels: Uint8Array;
}

export interface MaskOptions {
  /** The picture that it belongs to, over which a mask of another size is stretched. */
  readonly over?: PlaneSize | undefined;
  readonly size: PlaneSize;
  readonly latentSize: PlaneSize;
  /** Standard deviation of the edge's blur, in pixels: from side to side, and from top to bottom where it differs. */
  readonly blur: number;
  readonly blurY?: number | undefined;
  readonly invert: boolean;
  /** How a picture of another shape is brought to `size`, and its mask with it; covering it by default. */
  readonly resizeMode?: string | undefined;
  /** Default true: latent cells are repainted or kept, never in part. */
  readonly round?: boolean | undefined;
}

/** White, or opaque where the mask has transparency, is repainted. */
export function prepareMask(mask: PixelImage, { latentSize, round, ...options }: MaskOptions): InpaintMask {
  return maskOfPixels(maskPixels(mask, { ...options, round }), options.size, latentSize, round);
}

/** [height, width] of `size`, 0..255: inverted where asked for and blurred in the picture's own pixels, then made to fit. */
export function maskPixels(
  mask: PixelImage,
  { over = mask, size, blur, blurY = blur, invert, round = true, resizeMode = '' }: Omit<MaskOptions, 'latentSize'>,
): Uint8Array {
  const { width, height } = mask;
  const { data } = resize({ width, height, channels: 1, data: maskValues(mask, round) }, over);
  const chosen = invert ? data.map((v) => 255 - v) : data;
  const own = { width: over.width, height: over.height };
  return fitted({ ...own, channels: 1, data: blurBytes(chosen, own, blur, blurY) }, size, resizeMode).data;
}

/** The mask of the latent's cells that belongs to one of pixels. */
export function maskOfPixels(pixels: Uint8Array, size: PlaneSize, latentSize: PlaneSize, round = true): InpaintMask {
  const small = resizePlanes(Float32Array.from(pixels), size, latentSize, 'bicubic', (v) =>
    Math.min(Math.max(Math.round(v), 0), 255),
  );
  return { latent: small.map((v) => (round ? Math.round(v / 255) : v / 255)), pixels };
}

/**
 * What a mask of its own says of the latent: not inverted, blurred or cut out with the picture. Beside it, at `size`,
 * what of the picture is hidden from the start.
 */
export function latentMaskOf(
  given: PixelImage,
  { size, latentSize, round }: Pick<MaskOptions, 'size' | 'latentSize' | 'round'>,
): InpaintMask {
  const grey = { width: given.width, height: given.height, channels: 1, data: luminance(flatten(given)) } as const;
  const { latent } = maskOfPixels(grey.data, grey, latentSize, round);
  return { latent, pixels: resize(grey, size).data };
}

/** Whether it leaves every pixel as it is. */
export function isBlank(mask: PixelImage, { invert, round }: Pick<MaskOptions, 'invert' | 'round'>): boolean {
  return maskValues(mask, round ?? true).every((v) => v === (invert ? 255 : 0));
}

const threshold = (v: number): number => (v > 128 ? 255 : 0);

/** [height, width] of 0 or 255: by transparency where there is any, else by luminance. */
export function binaryMask(mask: PixelImage): Uint8Array {
  return (transparency(mask) ?? luminance(mask)).map(threshold);
}

/** [height, width] of 0..255: transparency in whole steps unless `round` is off, else luminance as it is, greys too. */
function maskValues(mask: PixelImage, round: boolean): Uint8Array {
  const alpha = transparency(mask);
  return alpha ? (round ? alpha.map(threshold) : alpha) : luminance(mask);
}

/** Undefined where nothing is transparent. */
function transparency({ channels, data }: PixelImage): Uint8Array | undefined {
  if (channels !== 4) return undefined;
  const alpha = new Uint8Array(data.length / 4);
  for (let i = 0; i < alpha.length; i++) alpha[i] = data[4 * i + 3]!;
  return alpha.some((a) => a !== 255) ? alpha : undefined;
}

/** [height, width] of bytes, blurred as OpenCV's Gaussian does. */
export function blurBytes(mask: Uint8Array, { width, height }: PlaneSize, sigmaX: number, sigmaY: number): Uint8Array {
  const along = (data: ArrayLike<number>, sigma: number, length: number, stride: number): ArrayLike<number> =>
    sigma === 0 ? data : blurAxis(data, length, stride, byteKernel(gaussianKernel(sigma)));
  if (sigmaX === 0 && sigmaY === 0) return mask;
  return Uint8Array.from(along(along(mask, sigmaX, width, 1), sigmaY, height, width), Math.round);
}

/** OpenCV's weights for bytes: multiples of 1/256, each rounding carried to the next, the middle taking the rest. */
export function byteKernel(kernel: Float64Array): Float64Array {
  const half = kernel.length >> 1;
  const out = new Float64Array(kernel.length);
  let carried = 0;
  let total = 0;
  for (let i = 0; i < half; i++) {
    const wanted = kernel[i]! * 256 + carried;
    const weight = Math.round(wanted);
    carried = wanted - weight;
    total += 2 * weight;
    out[i] = weight / 256;
    out[kernel.length - 1 - i] = weight / 256;
  }
  out[half] = (256 - total) / 256;
  return out;
}

/** OpenCV's weights at A1111's length, 2 * int(2.5 sigma + 0.5) + 1. */
export function gaussianKernel(sigma: number): Float64Array {
  const half = Math.trunc(2.5 * sigma + 0.5);
  const weights = Float64Array.from({ length: 2 * half + 1 }, (_, i) =>
    Math.exp(-((i - half) ** 2) / (2 * sigma ** 2)),
  );
  const total = weights.reduce((sum, w) => sum + w, 0);
  return weights.map((w) => w / total);
}

/** Convolves lines of `length` cells, `stride` apart; the edge is mirrored without repeating its cell. */
export function blurAxis(data: ArrayLike<number>, length: number, stride: number, kernel: Float64Array): Float64Array {
  const out = new Float64Array(data.length);
  const half = kernel.length >> 1;
  for (let i = 0; i < data.length; i++) {
    const position = Math.floor(i / stride) % length;
    const line = i - position * stride;
    let sum = 0;
    for (let k = -half; k <= half; k++)
      sum += kernel[k + half]! * data[line + mirrored(position + k, length) * stride]!;
    out[i] = sum;
  }
  return out;
}

/** `original` where nothing was asked to change, `painted` elsewhere, mixed along the blurred edge; both RGB. */
export function overlayOriginal(painted: PixelImage, original: PixelImage, mask: InpaintMask): PixelImage {
  const data = painted.data.map((v, i) => {
    // Doubled, so that the edge is repainted in full where the mask is half as strong.
    const m = Math.min(2 * mask.pixels[Math.floor(i / 3)]!, 255) / 255;
    return Math.round(v * m + original.data[i]! * (1 - m));
  });
  return { ...painted, data };
}

/** Radius and number of layers, from the widest down to the picture itself. */
const fillLayers = [
  [256, 1],
  [64, 1],
  [16, 2],
  [4, 4],
  [2, 2],
  [0, 1],
] as const;

/** Paints what is under the mask with the colours around it; RGB. */
export function fillMasked(image: PixelImage, { pixels }: InpaintMask): PixelImage {
  const { width, height, data } = image;
  const cells = width * height;
  // Premultiplied colours and their coverage.
  const visible = new Float32Array(4 * cells);
  for (let i = 0; i < cells; i++) {
    const alpha = 1 - pixels[i]! / 255;
    visible[3 * cells + i] = alpha;
    for (let c = 0; c < 3; c++) visible[c * cells + i] = data[3 * i + c]! * alpha;
  }
  const out = new Float32Array(4 * cells);
  for (const [radius, repeats] of fillLayers) {
    const layer = radius === 0 ? visible : boxBlurred(visible, width, height, radius);
    for (let r = 0; r < repeats; r++) compositeOver(out, layer, cells);
  }
  const filled = new Uint8Array(3 * cells);
  for (let i = 0; i < cells; i++) {
    const alpha = out[3 * cells + i]!;
    for (let c = 0; c < 3; c++)
      filled[3 * i + c] = alpha > 0 ? Math.min(Math.round(out[c * cells + i]! / alpha), 255) : 0;
  }
  return { width, height, channels: 3, data: filled };
}

/** Porter-Duff "over" on premultiplied planes, coverage last. */
function compositeOver(below: Float32Array, layer: Float32Array, cells: number): void {
  for (let i = 0; i < cells; i++) {
    const rest = 1 - layer[3 * cells + i]!;
    for (let c = 0; c < 4; c++) below[c * cells + i] = layer[c * cells + i]! + below[c * cells + i]! * rest;
  }
}

/** A Gaussian by three box blurs of the same variance (Wells 1986), as Pillow's; the cost does not hang on the radius. */
function boxBlurred(planes: Float32Array, width: number, height: number, sigma: number): Float32Array {
  const half = Math.max(Math.round((Math.sqrt((12 * sigma * sigma) / 3 + 1) - 1) / 2), 1);
  let current = planes;
  for (let pass = 0; pass < 3; pass++) {
    current = boxAxis(boxAxis(current, width, 1, half), height, width, half);
  }
  return current;
}

/** Mean over 2 * half + 1 cells of each line; cells beyond the edge repeat it. */
function boxAxis(data: Float32Array, length: number, stride: number, half: number): Float32Array {
  const out = new Float32Array(data.length);
  const at = (line: number, i: number): number => data[line + Math.min(Math.max(i, 0), length - 1) * stride]!;
  const block = length * stride;
  for (let start = 0; start < data.length; start += block) {
    for (let offset = 0; offset < stride; offset++) {
      const line = start + offset;
      let sum = 0;
      for (let i = -half; i <= half; i++) sum += at(line, i);
      for (let i = 0; i < length; i++) {
        out[line + i * stride] = sum / (2 * half + 1);
        sum += at(line, i + half + 1) - at(line, i - half);
      }
    }
  }
  return out;
}
