/**
 * Autoencoders in tiles: overlapping squares of a picture are run one after the other and laid over each other with
 * linear ramps, so that memory follows the tile and not the picture. A normalisation sees its tile alone, so colours
 * differ a little from those of the whole; a wide overlap hides it.
 */

import { f32, type HostTensor } from '#core/tensor';
import type { Session } from '#engine/backend';
import type { Graph } from '#graph/value';

export interface PlaneArea {
  readonly height: number;
  readonly width: number;
}

/** Side and overlap of tiles, in cells of the latent. */
export interface Tiling {
  readonly side: number;
  readonly overlap: number;
}

/** The tile of a plane: no side is longer than the plane's own. */
export function tileOf({ height, width }: PlaneArea, { side }: Tiling): PlaneArea {
  return { height: Math.min(height, side), width: Math.min(width, side) };
}

/** Where tiles of length `side` begin along an axis; the last one ends where the axis does. */
export function tileStarts(length: number, { side, overlap }: Tiling): number[] {
  if (length <= side) return [0];
  const step = side - overlap;
  const count = Math.ceil((length - side) / step) + 1;
  return Array.from({ length: count }, (_, i) => Math.min(i * step, length - side));
}

/** What goes through the network, and how large its result is beside it. */
export interface TiledNetwork {
  /** Of the whole size. */
  readonly graph: Graph;
  /** Compiled for the tile. */
  readonly session: Session;
  readonly tiling: Tiling;
  readonly input: string;
  /** Cells of the input, and of the results, to one of the latent along a side. */
  readonly inputScale: number;
  readonly outputScale: number;
}

/** A session of the whole size that runs tile by tile. */
export function tiledSession(network: TiledNetwork): Session {
  const { graph, session } = network;
  return {
    graph,
    run: async (feeds) => runTiles(network, feeds[network.input]!),
    dispose: () => session.dispose(),
  };
}

async function runTiles(network: TiledNetwork, whole: HostTensor): Promise<Record<string, HostTensor>> {
  const { session, tiling, input, inputScale, outputScale } = network;
  const [batch, channels, inputHeight, inputWidth] = whole.shape as [number, number, number, number];
  const size = { height: inputHeight / inputScale, width: inputWidth / inputScale };
  const tile = tileOf(size, tiling);
  const results = new Map<string, Overlay>();
  for (const y of tileStarts(size.height, tiling)) {
    for (const x of tileStarts(size.width, tiling)) {
      const from = scaled({ y, x, ...tile }, inputScale);
      const part = f32(
        [batch, channels, from.height, from.width],
        cut(whole.data as Float32Array, inputWidth, inputHeight, from),
      );
      for (const [name, { shape, data }] of Object.entries(await session.run({ [input]: part }))) {
        const planes = shape[0]! * shape[1]!;
        const overlay = results.get(name) ?? new Overlay([shape[0]!, shape[1]!], enlarged(size, outputScale));
        results.set(name, overlay);
        overlay.add(data as Float32Array, planes, scaled({ y, x, ...tile }, outputScale), tiling.overlap * outputScale);
      }
    }
  }
  return Object.fromEntries([...results].map(([name, overlay]) => [name, overlay.tensor()]));
}

interface Area extends PlaneArea {
  readonly y: number;
  readonly x: number;
}

const enlarged = ({ height, width }: PlaneArea, by: number): PlaneArea => ({ height: height * by, width: width * by });
const scaled = ({ y, x, ...size }: Area, by: number): Area => ({ y: y * by, x: x * by, ...enlarged(size, by) });

function cut(planes: Float32Array, width: number, height: number, area: Area): Float32Array {
  const count = planes.length / (width * height);
  const out = new Float32Array(count * area.height * area.width);
  for (let p = 0, to = 0; p < count; p++) {
    for (let row = 0; row < area.height; row++, to += area.width) {
      const from = (p * height + area.y + row) * width + area.x;
      out.set(planes.subarray(from, from + area.width), to);
    }
  }
  return out;
}

/** Tiles laid over each other: their weighted sum and the sum of the weights. */
class Overlay {
  readonly #leading: readonly [number, number];
  readonly #size: PlaneArea;
  readonly #sum: Float32Array;
  readonly #weight: Float32Array;

  constructor(leading: readonly [number, number], size: PlaneArea) {
    this.#leading = leading;
    this.#size = size;
    this.#sum = new Float32Array(leading[0] * leading[1] * size.height * size.width);
    this.#weight = new Float32Array(size.height * size.width);
  }

  add(data: Float32Array, planes: number, area: Area, ramp: number): void {
    const { height, width } = this.#size;
    const down = ramps(area.y, area.height, height, ramp);
    const across = ramps(area.x, area.width, width, ramp);
    for (let row = 0; row < area.height; row++) {
      for (let column = 0; column < area.width; column++) {
        const weight = down[row]! * across[column]!;
        const to = (area.y + row) * width + area.x + column;
        this.#weight[to]! += weight;
        for (let p = 0; p < planes; p++) {
          this.#sum[p * height * width + to]! += weight * data[(p * area.height + row) * area.width + column]!;
        }
      }
    }
  }

  tensor(): HostTensor {
    const cells = this.#weight.length;
    for (let i = 0; i < this.#sum.length; i++) this.#sum[i]! /= this.#weight[i % cells]!;
    return f32([...this.#leading, this.#size.height, this.#size.width], this.#sum);
  }
}

/** Weights along one axis: they rise and fall where another tile takes over, and nowhere else. */
function ramps(start: number, length: number, whole: number, ramp: number): Float32Array {
  return Float32Array.from({ length }, (_, i) => {
    const before = start > 0 ? (i + 1) / (ramp + 1) : 1;
    const after = start + length < whole ? (length - i) / (ramp + 1) : 1;
    return Math.min(before, after, 1);
  });
}
