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

/** Of the parameters of `graph`; the others are not asked for. `keeps`: what linear layers can do with as it is. */
export async function unpackWeights(
  graph: Graph,
  source: WeightSource,
  keeps: (packing: BlockPacking) => boolean,
): Promise<LoweredWeights> {
  const linear = linearWeights(graph);
  const found = new Map<string, LoweredWeight>();
  for (const { attrs } of graph.parameters) {
    const ref = source.get(attrs.name);
    if (ref?.kind !== 'packed') {
      if (ref) found.set(attrs.name, ref);
      continue;
    }
    const stays = linear.has(attrs.name) && isBlockPacking(ref.packing) && keeps(ref.packing) && staysInBlocks(ref);
    const blocks = stays ? await readBlocks(ref) : undefined;
    const shape = packedShape(ref).slice(0, 2);
    found.set(attrs.name, blocks ? { kind: 'blocks', blocks, shape } : { kind: 'memory', tensor: await widened(ref) });
  }
  return { get: (name) => found.get(name) };
}
