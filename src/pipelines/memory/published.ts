/** What a picture by a family's published model takes of the host's memory, told before its file is here. */

import type { WeightSource } from '#engine/backend';
import type { Graph } from '#graph/value';
import type { ModelFamily } from '#models/family';
import { type NetworkNeed, planMemory } from './plan.ts';

export interface PublishedMemory {
  /** Pixels of the picture's sides. */
  readonly size: { readonly width: number; readonly height: number };
  /** Bytes with as much room as it likes. */
  readonly usual: number;
  /** Bytes in the smallest parts. */
  readonly least: number;
}

/** With guidance each picture has a row under the prompt and one under the negative prompt. */
const ROWS = 2;
const noFile: WeightSource = { get: () => undefined };

/**
 * One picture with guidance, weights widened to float32 as they are on the CPU; undefined for a family without a
 * published model.
 *
 * @param side pixels of a square picture; the model's own size when left out
 */
export function publishedMemory(family: ModelFamily, side?: number): PublishedMemory | undefined {
  if (family.published === undefined) return undefined;
  const { autoencoder, denoiser, latent, limits, textEncoders } = family.parts(family.published);
  const size = side === undefined ? limits.defaultSize : { width: side, height: side };
  const cells = { height: size.height / latent.factor, width: size.width / latent.factor };
  const network = (graph: Graph): NetworkNeed => ({ graph, weights: noFile, inBlocks: () => undefined });
  const need = {
    size: cells,
    rows: ROWS,
    textEncoders: textEncoders.map((part) => network(part.graph())),
    denoiser: network(denoiser.graph(cells)),
    beside: [],
    once: [],
    decoder: (of: typeof cells) => network(autoencoder.decoderGraph(of)),
    adapterBytes: 0,
  };
  const peak = (limit: number) => planMemory(need, limit).estimate.peak;
  return { size, usual: peak(Number.POSITIVE_INFINITY), least: peak(0) };
}
