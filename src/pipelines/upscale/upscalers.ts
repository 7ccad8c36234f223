/**
 * Enlarging pictures: by a network, tile by tile, or by resampling alone. One network stays loaded.
 *
 * Behaviour of AUTOMATIC1111 web UI v1.10.1, modules/upscaler.py: a network runs until the picture is large enough, at
 * most three times, and Lanczos makes it the size that was asked for.
 */

import { UserError } from '#core/errors';
import type { PixelImage } from '#core/image';
import { f32 } from '#core/tensor';
import type { Backend, Session, WeightSource } from '#engine/backend';
import type { Graph } from '#graph/value';
import type { OpenedUpscaler } from '#models/upscalers/index';
import { type UpscalerNetwork, upscalerGraph } from '#models/upscalers/upscaler';
import { checkFinite } from '../non-finite.ts';
import { flatten, resize, resizeChannel, toRgb, withAlpha } from '../picture.ts';
import type { GenerateEvent } from '../request.ts';
import type { PlaneSize } from '../resample.ts';
import { TileJoiner, type TileOptions, tileAxis, tilePlanes, tileWeights } from './tiles.ts';

/** @throws UserError for one that is not there, ModelFileError for one that cannot be used */
export type OpenUpscaler = (name: string) => Promise<OpenedUpscaler>;

/** Upscalers that are no networks, by what requests call them, lower case. */
const resamplers: Readonly<Record<string, 'lanczos' | 'nearest-exact'>> = {
  none: 'lanczos',
  lanczos: 'lanczos',
  nearest: 'nearest-exact',
};

export const resamplerNames = ['None', 'Lanczos', 'Nearest'] as const;

export function isResampler(name: string): boolean {
  return Object.hasOwn(resamplers, name.toLowerCase());
}

/** Sides beyond which no file format that is written here can hold a picture. */
export const longestUpscaledSide = 16_384;

export interface UpscaleOptions {
  readonly upscaler: string;
  readonly to: PlaneSize;
  readonly tile?: number;
  readonly overlap?: number;
  readonly signal?: AbortSignal | undefined;
}

export const defaultTile = 192;
export const defaultOverlap = 16;
const mostPasses = 3;

type Told = Extract<GenerateEvent, { type: 'loading' }> | { readonly type: 'tile'; done: number; total: number };
type Enlarging<T> = AsyncGenerator<Told, T, undefined>;

interface Loaded {
  readonly name: string;
  readonly opened: OpenedUpscaler;
  session?: { readonly key: string; readonly session: Session };
}

export class Upscalers {
  readonly #backend: Backend;
  readonly #open: OpenUpscaler;
  #loaded: Loaded | undefined;

  constructor(backend: Backend, open: OpenUpscaler) {
    this.#backend = backend;
    this.#open = open;
  }

  /** The picture at `to`, its transparency kept; where it was stopped, undefined. @throws UserError */
  async *upscale(image: PixelImage, options: UpscaleOptions): Enlarging<PixelImage | undefined> {
    const { upscaler, to } = options;
    checkUpscaledSize(to);
    const filter = resamplers[upscaler.toLowerCase()];
    if (filter) return resize(image, to, filter);
    let current: PixelImage | undefined = toRgb(image.channels === 4 ? opaque(image) : image);
    for (let pass = 0; pass < mostPasses && (current.width < to.width || current.height < to.height); pass++) {
      const loaded: Loaded = yield* this.#load(upscaler);
      if (loaded.opened.network.scale === 1 && pass > 0) break;
      current = yield* this.#enlarge(current, loaded, options);
      if (!current) return undefined;
    }
    const rgb = resize(current, to);
    return image.channels === 4 ? withAlpha(rgb, resizeChannel(image, 3, to)) : rgb;
  }

  /** By how much a network enlarges. */
  async *scaleOf(name: string): Enlarging<number> {
    return isResampler(name) ? 1 : (yield* this.#load(name)).opened.network.scale;
  }

  /** The network that would enlarge a picture of this size, tile by tile; undefined where none does. */
  async networkFor(
    name: string,
    size: PlaneSize,
    tile = defaultTile,
  ): Promise<{ graph: Graph; weights: WeightSource } | undefined> {
    if (isResampler(name)) return undefined;
    const { network, weights } = this.#loaded?.name === name ? this.#loaded.opened : await this.#open(name);
    const tiling = tilingFor(network, tile);
    const [{ length: width }, { length: height }] = [tileAxis(size.width, tiling), tileAxis(size.height, tiling)];
    return { graph: upscalerGraph(network, { size: { width, height } }), weights };
  }

  async dispose(): Promise<void> {
    await this.#loaded?.session?.session.dispose();
    this.#loaded = undefined;
  }

  async *#load(name: string): Enlarging<Loaded> {
    if (this.#loaded?.name === name) return this.#loaded;
    yield { type: 'loading', part: 'upscaler' };
    const opened = await this.#open(name);
    await this.dispose();
    this.#loaded = { name, opened };
    return this.#loaded;
  }

  async #session(loaded: Loaded, size: PlaneSize): Promise<Session> {
    const key = `${size.width}x${size.height}`;
    if (loaded.session?.key === key) return loaded.session.session;
    await loaded.session?.session.dispose();
    delete loaded.session;
    const { network, weights } = loaded.opened;
    const session = await this.#backend.compile(upscalerGraph(network, { size }), { weights });
    loaded.session = { key, session };
    return session;
  }

  /** Once through the network. */
  async *#enlarge(image: PixelImage, loaded: Loaded, options: UpscaleOptions): Enlarging<PixelImage | undefined> {
    const { scale } = loaded.opened.network;
    const { overlap = defaultOverlap, signal } = options;
    const tiling = tilingFor(loaded.opened.network, options.tile, overlap);
    const [columns, rows] = [tileAxis(image.width, tiling), tileAxis(image.height, tiling)];
    const [across, down] = [enlargedWeights(columns, scale, overlap), enlargedWeights(rows, scale, overlap)];
    const size = { width: columns.length, height: rows.length };
    const session = await this.#session(loaded, size);
    const joiner = new TileJoiner({ width: image.width * scale, height: image.height * scale }, rows.length * scale);
    const total = columns.starts.length * rows.starts.length;
    let done = 0;
    for (const [j, top] of rows.starts.entries()) {
      joiner.row(top * scale);
      for (const [i, left] of columns.starts.entries()) {
        const input = f32([1, 3, size.height, size.width], tilePlanes(image, left, top, size));
        const output = (await session.run({ image: input })).image!.data as Float32Array;
        checkFinite(output, 'upscaler', 'enlarging a picture');
        joiner.add(output, left * scale, across[i]!, down[j]!);
        yield { type: 'tile', done: ++done, total };
        if (signal?.aborted) return undefined;
      }
    }
    return joiner.finish();
  }
}

function tilingFor({ multiple }: UpscalerNetwork, tile = defaultTile, overlap = defaultOverlap): TileOptions {
  return { tile: Math.ceil(tile / multiple) * multiple, overlap, multiple };
}

/** Weights of enlarged tiles. */
function enlargedWeights(tiles: ReturnType<typeof tileAxis>, scale: number, overlap: number): Float32Array[] {
  const enlarged = { length: tiles.length * scale, starts: tiles.starts.map((start) => start * scale) };
  return tileWeights(enlarged, Math.max(overlap * scale, 1));
}

/** Colours as they are, also where they are not seen. */
function opaque({ width, height, data }: PixelImage): PixelImage {
  const rgb = new Uint8Array(3 * width * height);
  for (let i = 0; i < width * height; i++) for (let c = 0; c < 3; c++) rgb[3 * i + c] = data[4 * i + c]!;
  return { width, height, channels: 3, data: rgb };
}

/** @throws UserError `upscale.size` */
export function checkUpscaledSize({ width, height }: PlaneSize): void {
  if (width <= longestUpscaledSide && height <= longestUpscaledSide && width >= 1 && height >= 1) return;
  const message = `The picture would be ${width} x ${height}; sides go up to ${longestUpscaledSide} pixels. Enlarge it by less.`;
  throw new UserError('upscale.size', message);
}

/** One picture over the other; `visibility` of the second, 0..1. */
export function blend(first: PixelImage, second: PixelImage, visibility: number): PixelImage {
  const [a, b] = first.channels === second.channels ? [first, second] : [toRgb(first), toRgb(flatten(second))];
  return { ...a, data: a.data.map((v, i) => Math.round(v * (1 - visibility) + b.data[i]! * visibility)) };
}
