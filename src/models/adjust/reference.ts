/**
 * Reference-only control: every self-attention of a U-Net also reads what the same self-attention read of a reference
 * picture at the same noise level. sd-webui-controlnet scripts/hook.py (`reference_only`).
 *
 * A pass over a graph with diffusers' parameter names. What a self-attention reads becomes an output, `bank_i`; what it
 * is to read besides is an input of the same name, [b, tokens, c], which has no tokens in the pass over the reference.
 * `fidelity` [b] mixes in what is seen without the reference. Left out: the statistics of group norms (AdaIN).
 */

import { UserError } from '#core/errors';
import { add, attention, concat, input, linear, mul, reshape, sub } from '#graph/build';
import { symbol } from '#graph/dim';
import { mapGraph, withInputs } from '#graph/map-graph';
import { closeGraph, type Graph, type Value } from '#graph/value';

export const bankName = (layer: number): string => `bank_${layer}`;
export const fidelityInput = 'fidelity';

const queryWeight = /\.attn1\.to_q\.weight$/;

/**
 * `weight` 0..1 (and above): the share of the self-attentions, the widest first, that see the reference.
 */
export function withReference(graph: Graph, weight: number): Graph {
  const attentions = selfAttentions(graph);
  const seen = attentions.filter((_, i) => weight > i / attentions.length);
  if (seen.length === 0) {
    throw new UserError('control.network', 'A reference needs a U-Net with self-attention. Leave the unit out.');
  }
  const sample = graph.inputs.find(({ attrs }) => attrs.name === 'sample')!;
  const batch = sample.shape[0]!;
  const fidelity = reshape(input(fidelityInput, 'f32', [batch]), [batch, 1, 1]);
  const banks: Record<string, Value> = {};
  const mapped = mapGraph(graph, (v, operands) => {
    const same = withInputs(v, operands);
    if (v.op !== 'attention' || !seen.includes(v)) return same;
    const [q, k, values] = operands as [Value, Value, Value];
    const states = k.inputs[0]!;
    const layer = Object.keys(banks).length;
    banks[bankName(layer)] = states;
    const bank = input(bankName(layer), 'f32', [batch, symbol(`bank_tokens_${layer}`), states.shape[2]!]);
    const both = concat([states, bank], 1);
    const { heads, scale } = v.attrs;
    const joined = attention(q, again(k, both), again(values, both), { heads, scale });
    return add(joined, mul(fidelity, sub(same, joined)));
  });
  return closeGraph(graph.name, { ...mapped.outputs, ...banks });
}

/** The widest first; of equal ones in their order. */
function selfAttentions(graph: Graph): Value<'attention'>[] {
  const found: Value<'attention'>[] = [];
  mapGraph(graph, (v, operands) => {
    const query = v.op === 'attention' ? v.inputs[0]!.inputs[1] : undefined;
    if (v.op === 'attention' && query?.op === 'parameter' && queryWeight.test(query.attrs.name)) found.push(v);
    return withInputs(v, operands);
  });
  return found.sort((a, b) => (b.shape[2] as number) - (a.shape[2] as number));
}

/** A projection of other states by the same weights. */
function again(projection: Value, states: Value): Value {
  const [, weight, bias] = projection.inputs as [Value, Value, Value?];
  return linear(states, weight, bias);
}
