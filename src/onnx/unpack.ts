/**
 * Weights as a model can hold them: those that a file packs are read and unpacked, one after the other; the weights of
 * linear layers stay in blocks where the target has a product for those.
 */

import type { WeightSource } from '#engine/backend';
import { packedShape, readBlocks, widened } from '#engine/packed';
import { type BlockPacking, isBlockPacking } from '#formats/packing';
import type { Graph } from '#graph/value';
import { linearWeights, staysInBlocks } from './block-weights.ts';
import type { LoweredWeight, LoweredWeights } from './weights.ts';

/** Parameters of a graph whose weights stay in blocks. `keeps`: what linear layers can do with as it is. */
export function blocksOf(
  graph: Graph,
  source: WeightSource,
  keeps: (packing: BlockPacking) => boolean,
): ReadonlySet<string> {
  const stays = (name: string): boolean => {
    const ref = source.get(name);
    return ref?.kind === 'packed' && isBlockPacking(ref.packing) && keeps(ref.packing) && staysInBlocks(ref);
  };
  return new Set([...linearWeights(graph)].filter(stays));
}

/** Of the parameters of `graph`; the others are not asked for. */
export async function unpackWeights(
  graph: Graph,
  source: WeightSource,
  keeps: (packing: BlockPacking) => boolean,
): Promise<LoweredWeights> {
  const inBlocks = blocksOf(graph, source, keeps);
  const found = new Map<string, LoweredWeight>();
  for (const { attrs } of graph.parameters) {
    const ref = source.get(attrs.name);
    if (!ref) continue;
    if (ref.kind !== 'packed') found.set(attrs.name, ref);
    else {
      const blocks = inBlocks.has(attrs.name) ? await readBlocks(ref) : undefined;
      const shape = packedShape(ref).slice(0, 2);
      found.set(
        attrs.name,
        blocks ? { kind: 'blocks', blocks, shape } : { kind: 'memory', tensor: await widened(ref) },
      );
    }
  }
  return { get: (name) => found.get(name) };
}
