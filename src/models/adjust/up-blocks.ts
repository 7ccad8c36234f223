/** Where the up blocks of a U-Net with diffusers' parameter names join what comes from below with their skips. */

import { type Graph, topological, type Value } from '#graph/value';

const normOfUpBlock = /(?:^|\.)up_blocks\.(\d+)\.resnets\.\d+\.norm1\.weight$/;

/** Each join of hidden state and skip with the number of its up block, in the order of the network. */
export function joinsOfUpBlocks(graph: Graph): Map<Value, number> {
  const blocks = new Map<Value, number>();
  for (const v of topological(Object.values(graph.outputs))) {
    const [x, weight] = v.inputs;
    if (v.op !== 'groupNorm' || x?.op !== 'concat' || weight?.op !== 'parameter') continue;
    const block = normOfUpBlock.exec(weight.attrs.name)?.[1];
    if (block !== undefined) blocks.set(x, Number(block));
  }
  return blocks;
}
