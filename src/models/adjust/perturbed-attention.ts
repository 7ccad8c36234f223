/**
 * Perturbed-attention guidance: a further prediction in which chosen self-attentions look at nothing but each token
 * itself, from which guidance leads away. Ahn et al. 2024 (arXiv:2403.17377); diffusers `StableDiffusionPAGPipeline`.
 *
 * A pass over the graph of a U-Net with diffusers' parameter names: the graph gets an input `perturb` [b], 1 for the
 * images of the batch that are perturbed and 0 for the others, so that all predictions still share a run.
 */

import { UserError } from '#core/errors';
import { add, input, mul, reshape, sub } from '#graph/build';
import { mapGraph, withInputs } from '#graph/map-graph';
import type { Graph, Value } from '#graph/value';

const middleSelfAttention = /(?:^|\.)mid_block\.attentions\.\d+\.transformer_blocks\.\d+\.attn1\.to_q\.weight$/;

/** Name of the input. */
export const perturbInput = 'perturb';

/**
 * `layers`: which self-attentions, by the name of their query weight; the middle block's by default, as in the paper.
 * @throws UserError for a network without them.
 */
export function withPerturbedAttention(graph: Graph, layers: RegExp = middleSelfAttention): Graph {
  const sample = graph.inputs.find(({ attrs }) => attrs.name === 'sample')!;
  const perturb = input(perturbInput, 'f32', [sample.shape[0]!]);
  let found = 0;
  const perturbed = mapGraph(graph, (v, inputs) => {
    const same = withInputs(v, inputs);
    if (v.op !== 'attention' || !layers.test(queryWeight(v))) return same;
    // Attention that is the identity matrix gives the values.
    const values = inputs[2]!;
    found++;
    return add(same, mul(reshape(perturb, [perturb.shape[0]!, 1, 1]), sub(values, same)));
  });
  if (found > 0) return perturbed;
  const message = 'Perturbed-attention guidance needs a U-Net with attention in its middle block; this model has none.';
  throw new UserError('pag.network', `${message} Leave it out.`);
}

function queryWeight(attention: Value): string {
  const weight = attention.inputs[0]?.inputs.find((x) => x.op === 'parameter');
  return weight?.op === 'parameter' ? weight.attrs.name : '';
}
