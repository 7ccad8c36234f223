/**
 * What a network looks at: for each place how much of the middle block's self-attention goes to it, from which
 * self-attention guidance takes what to blur. Hong et al. 2023 (arXiv:2210.00939); diffusers
 * `StableDiffusionSAGPipeline`. A pass over the graph of a U-Net with diffusers' parameter names, which adds an output.
 */

import { UserError } from '#core/errors';
import { matmul, mean, mul, reshape, softmax, sum, transpose } from '#graph/build';
import { closeGraph, type Graph, topological, type Value } from '#graph/value';

const middleSelfAttention = /(?:^|\.)mid_block\.attentions\.0\.transformer_blocks\.0\.attn1\.to_q\.weight$/;

/** Name of the output: [b, places], mean over heads, summed over what looks; 1 on average. */
export const attentionMapOutput = 'attention_map';

/** @throws UserError for a network without such an attention */
export function withAttentionMap(graph: Graph): Graph {
  const attention = topological(Object.values(graph.outputs)).find(isMiddle);
  if (!attention) {
    const message = 'Self-attention guidance needs a U-Net with attention in its middle block; this model has none.';
    throw new UserError('sag.network', `${message} Leave it out.`);
  }
  return closeGraph(graph.name, { ...graph.outputs, [attentionMapOutput]: mapOf(attention) });
}

function isMiddle(v: Value): v is Value<'attention'> {
  return (
    v.op === 'attention' &&
    v.inputs[0]!.inputs.some((x) => x.op === 'parameter' && middleSelfAttention.test(x.attrs.name))
  );
}

function mapOf({ inputs, attrs: { heads, scale } }: Value<'attention'>): Value {
  const [q, k] = inputs as [Value, Value];
  const apart = (x: Value, order: readonly number[]): Value => {
    const [batch, places, width] = x.shape as [Value['shape'][number], Value['shape'][number], number];
    return transpose(reshape(x, [batch, places, heads, width / heads]), order);
  };
  const scores = mul(matmul(apart(q, [0, 2, 1, 3]), apart(k, [0, 2, 3, 1])), scale);
  return sum(mean(softmax(scores), [1], false), [1], false);
}
