/**
 * From a unit's picture to the hint that its network reads: the module at its resolution, then the picture's shape by
 * the unit's way of resizing. sd-webui-controlnet scripts/controlnet.py (`detectmap_proc`, `pixel_perfect_resolution`).
 */

import { InternalError } from '#core/errors';
import type { PixelImage } from '#core/image';
import type { Hint } from '../annotators/annotator.ts';
import { annotate } from '../annotators/index.ts';
import { binaryMask } from '../mask.ts';
import { cover, resize, toRgb } from '../picture.ts';
import { type PlaneSize, resizePlanes } from '../resample.ts';
import type { ControlUnit } from './unit.ts';
import type { ControlModule, FoundAnnotator } from './units.ts';

/** Runs a user's annotator on an RGB picture. */
export type RunAnnotator = (annotator: FoundAnnotator, image: PixelImage, resolution: number) => Promise<PixelImage>;

export interface HintOrder {
  readonly unit: Pick<ControlUnit, 'resizeMode' | 'pixelPerfect' | 'resolution' | 'thresholdA' | 'thresholdB'>;
  readonly module: ControlModule;
  readonly image: PixelImage;
  readonly mask: PixelImage | undefined;
  /** Of the hint, pixels. */
  readonly size: PlaneSize;
  readonly run: RunAnnotator | undefined;
}

/** The hint at its size, RGB, and what is hidden of it. */
export async function hintOf(order: HintOrder): Promise<Hint> {
  const { unit, size, mask } = order;
  const image = toRgb(order.image);
  const resolution = unit.pixelPerfect ? fittingResolution(image, size, unit.resizeMode) : unit.resolution;
  const { module, run } = order;
  const { thresholdA, thresholdB } = unit;
  const made = await makeHint({ module, image, mask, resolution, thresholdA, thresholdB, run });
  const { hidden } = made;
  const own = fitted(toRgb(made.image), size, unit.resizeMode);
  if (!hidden) return { image: own };
  const plane: PixelImage = { width: made.image.width, height: made.image.height, channels: 1, data: hidden };
  return { image: own, hidden: fitted(plane, size, unit.resizeMode).data.map((v) => (v > 127 ? 255 : 0)) };
}

export interface ModuleOrder {
  readonly module: ControlModule;
  /** RGB. */
  readonly image: PixelImage;
  readonly mask?: PixelImage | undefined;
  readonly resolution?: number | undefined;
  readonly thresholdA?: number | undefined;
  readonly thresholdB?: number | undefined;
  readonly run?: RunAnnotator | undefined;
}

/** What a module makes of a picture, at its own size. @throws UserError */
export async function makeHint({ module, image, mask, run, ...order }: ModuleOrder): Promise<Hint> {
  const { resolution, thresholdA: a, thresholdB: b } = order;
  if ('reads' in module) return annotate(module, image, { resolution, a, b, mask: mask && maskAt(mask, image) });
  if (!run) throw new InternalError(`${module.name} needs a runtime`);
  return { image: await run(module, image, resolution ?? Math.min(image.width, image.height)) };
}

/** A hint to look at: what is hidden is half transparent, as sd-webui-controlnet shows it. */
export function shownHint({ image, hidden }: Hint): PixelImage {
  if (!hidden) return image;
  const { width, height } = image;
  const rgb = toRgb(image).data;
  const data = new Uint8Array(4 * width * height);
  for (let i = 0; i < width * height; i++) {
    data.set(rgb.subarray(3 * i, 3 * i + 3), 4 * i);
    data[4 * i + 3] = 255 - (hidden[i]! >> 1);
  }
  return { width, height, channels: 4, data };
}

/** [height, width] of the picture, 0 or 255. */
export function maskAt(mask: PixelImage, { width, height }: PlaneSize): Uint8Array {
  const plane: PixelImage = { width: mask.width, height: mask.height, channels: 1, data: binaryMask(mask) };
  return cover(plane, { width, height }).data.map((v) => (v > 127 ? 255 : 0));
}

/** The shorter side at which the hint needs no more resizing. */
export function fittingResolution(image: PlaneSize, size: PlaneSize, mode: ControlUnit['resizeMode']): number {
  const [k0, k1] = [size.height / image.height, size.width / image.width];
  const k = mode === 'fill' ? Math.min(k0, k1) : Math.max(k0, k1);
  return Math.max(Math.round(k * Math.min(image.height, image.width)), 1);
}

function fitted(image: PixelImage, size: PlaneSize, mode: ControlUnit['resizeMode']): PixelImage {
  if (image.width === size.width && image.height === size.height) return image;
  const colours = fewColours(image);
  const scale = colours === undefined ? resize : nearest;
  const made =
    mode === 'stretch'
      ? scale(image, size)
      : mode === 'crop'
        ? covered(image, size, scale)
        : inside(image, size, scale);
  // Lines stay lines: black and white, however they were stretched.
  return colours === 2 ? { ...made, data: made.data.map((v) => (v > 127 ? 255 : 0)) } : made;
}

type Scale = (image: PixelImage, to: PlaneSize) => PixelImage;

function covered(image: PixelImage, size: PlaneSize, scale: Scale): PixelImage {
  return scale === resize ? cover(image, size) : cover(scale(image, coverSize(image, size)), size);
}

function coverSize({ width, height }: PlaneSize, size: PlaneSize): PlaneSize {
  const k = Math.max(size.width / width, size.height / height);
  return { width: Math.max(Math.round(width * k), size.width), height: Math.max(Math.round(height * k), size.height) };
}

/** All of the picture in the middle, around it the middle colour of its border. */
function inside(image: PixelImage, size: PlaneSize, scale: Scale): PixelImage {
  const k = Math.min(size.width / image.width, size.height / image.height);
  const bound = (side: number, most: number): number => Math.min(Math.max(Math.round(side * k), 1), most);
  const small = scale(image, { width: bound(image.width, size.width), height: bound(image.height, size.height) });
  const { channels } = small;
  const border = borderColour(image);
  const data = new Uint8Array(size.width * size.height * channels);
  for (let i = 0; i < data.length; i++) data[i] = border[i % channels]!;
  const left = Math.floor((size.width - small.width) / 2);
  const top = Math.floor((size.height - small.height) / 2);
  for (let y = 0; y < small.height; y++) {
    const row = small.data.subarray(y * small.width * channels, (y + 1) * small.width * channels);
    data.set(row, ((top + y) * size.width + left) * channels);
  }
  return { ...size, channels, data };
}

/** Median of the pixels along the edges, channel by channel. */
function borderColour({ width, height, channels, data }: PixelImage): number[] {
  return Array.from({ length: channels }, (_, c) => {
    const values: number[] = [];
    const take = (x: number, y: number): void => void values.push(data[(y * width + x) * channels + c]!);
    for (let x = 0; x < width; x++) for (const y of [0, height - 1]) take(x, y);
    for (let y = 0; y < height; y++) for (const x of [0, width - 1]) take(x, y);
    values.sort((a, b) => a - b);
    return values[values.length >> 1]!;
  });
}

/** More than this is a picture, less a map of regions, whose colours must not mix. */
const mostRegions = 200;

/** How many colours a map has; undefined for pictures. */
function fewColours({ channels, data }: PixelImage): number | undefined {
  const seen = new Set<number>();
  for (let i = 0; i < data.length; i += channels) {
    seen.add(channels === 1 ? data[i]! : (data[i]! << 16) | (data[i + 1]! << 8) | data[i + 2]!);
    if (seen.size > mostRegions) return undefined;
  }
  return seen.size;
}

function nearest(image: PixelImage, to: PlaneSize): PixelImage {
  const { width, height, channels, data } = image;
  const out = new Uint8Array(to.width * to.height * channels);
  for (let c = 0; c < channels; c++) {
    const plane = Float32Array.from({ length: width * height }, (_, i) => data[i * channels + c]!);
    const made = resizePlanes(plane, image, to, 'nearest-exact');
    for (let i = 0; i < made.length; i++) out[i * channels + c] = made[i]!;
  }
  return { width: to.width, height: to.height, channels, data: out };
}

/** [channels, height, width] in 0..1, -1 where hidden; one channel is the mean of the colours. */
export function hintPlanes({ image, hidden }: Hint, channels: number): Float32Array {
  const cells = image.width * image.height;
  const planes = new Float32Array(channels * cells);
  for (let i = 0; i < cells; i++) {
    for (let c = 0; c < channels; c++) {
      const value = channels === 1 ? meanOf(image.data, 3 * i) : image.data[3 * i + Math.min(c, 2)]!;
      planes[c * cells + i] = hidden && hidden[i]! > 127 ? -1 : value / 255;
    }
  }
  return planes;
}

function meanOf(data: Uint8Array, at: number): number {
  return (data[at]! + data[at + 1]! + data[at + 2]!) / 3;
}
