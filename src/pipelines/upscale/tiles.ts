/**
 * A picture in tiles of one size that overlap, and their enlargements put together again: where tiles overlap, one
 * fades into the other. Only a strip as high as one row of tiles is held in floats.
 */

import type { PixelImage } from '#core/image';
import type { PlaneSize } from '../resample.ts';

export interface TileOptions {
  /** Longest side of a tile, pixels; a multiple of `multiple`. */
  readonly tile: number;
  /** Pixels that neighbours share at least. */
  readonly overlap: number;
  /** Sides of tiles are multiples of this. */
  readonly multiple: number;
}

/** Tiles of an axis: each has the same length. */
export interface AxisTiles {
  readonly length: number;
  readonly starts: readonly number[];
}

/** Covers `total` pixels; an axis shorter than a tile has one, up to the next multiple. */
export function tileAxis(total: number, { tile, overlap, multiple }: TileOptions): AxisTiles {
  if (total <= tile) return { length: Math.ceil(total / multiple) * multiple, starts: [0] };
  const step = tile - overlap;
  const count = Math.ceil((total - overlap) / step);
  return { length: tile, starts: Array.from({ length: count }, (_, i) => Math.min(i * step, total - tile)) };
}

/** [tiles][length] How much of each pixel a tile gives, over all tiles 1. */
export function tileWeights({ length, starts }: AxisTiles, overlap: number): Float32Array[] {
  const end = starts.at(-1)! + length;
  const sums = new Float32Array(end);
  const raw = starts.map((start, i) =>
    Float32Array.from({ length }, (_, x) => {
      const rise = i === 0 ? 1 : fade(x + 0.5, overlap);
      const fall = i === starts.length - 1 ? 1 : fade(length - x - 0.5, overlap);
      const weight = Math.min(rise, fall);
      sums[start + x]! += weight;
      return weight;
    }),
  );
  return raw.map((weights, i) => weights.map((w, x) => w / sums[starts[i]! + x]!));
}

/** 0 .. 1 over the middle half of an overlap: what lies nearest to a tile's edge saw too little around it to count. */
function fade(distance: number, overlap: number): number {
  return Math.min(Math.max((2 * distance) / overlap - 0.5, 0), 1);
}

/** Tile of an RGB picture as planes 0..1 [3, height, width]; what lies beyond the picture mirrors it. */
export function tilePlanes(image: PixelImage, left: number, top: number, size: PlaneSize): Float32Array {
  const cells = size.width * size.height;
  const planes = new Float32Array(3 * cells);
  for (let y = 0; y < size.height; y++) {
    for (let x = 0; x < size.width; x++) {
      const at = 3 * (mirrored(top + y, image.height) * image.width + mirrored(left + x, image.width));
      for (let c = 0; c < 3; c++) planes[c * cells + y * size.width + x] = image.data[at + c]! / 255;
    }
  }
  return planes;
}

function mirrored(index: number, length: number): number {
  return index < length ? index : Math.max(2 * length - 2 - index, 0);
}

/** Puts the rows of tiles of one picture together, from the top. */
export class TileJoiner {
  readonly #image: PixelImage;
  readonly #strip: Float32Array;
  readonly #height: number;
  #top = 0;

  /** `size`: of the whole picture; `height`: of a tile. Both enlarged. */
  constructor(size: PlaneSize, height: number) {
    this.#image = { ...size, channels: 3, data: new Uint8Array(3 * size.width * size.height) };
    this.#height = height;
    this.#strip = new Float32Array(3 * height * size.width);
  }

  /** Goes on to the row of tiles that begins at `top`; what lies above it is finished. */
  row(top: number): void {
    this.#flush(top);
    const rows = 3 * this.#image.width;
    this.#strip.copyWithin(0, (top - this.#top) * rows);
    this.#strip.fill(0, Math.max(this.#height - (top - this.#top), 0) * rows);
    this.#top = top;
  }

  /** Adds a tile [3, height, width] of this row, by the weights of its columns and rows. */
  add(planes: ArrayLike<number>, left: number, columns: Float32Array, rows: Float32Array): void {
    const { width } = this.#image;
    const cells = columns.length * rows.length;
    const inside = Math.min(columns.length, width - left);
    for (let y = 0; y < rows.length; y++) {
      for (let x = 0; x < inside; x++) {
        const weight = rows[y]! * columns[x]!;
        const at = 3 * (y * width + left + x);
        for (let c = 0; c < 3; c++) this.#strip[at + c]! += weight * planes[c * cells + y * columns.length + x]!;
      }
    }
  }

  finish(): PixelImage {
    this.#flush(this.#image.height);
    return this.#image;
  }

  #flush(to: number): void {
    const { width, height, data } = this.#image;
    const start = 3 * width * this.#top;
    const end = 3 * width * Math.min(to, height);
    for (let i = start; i < end; i++) data[i] = Math.round(Math.min(Math.max(this.#strip[i - start]!, 0), 1) * 255);
  }
}
