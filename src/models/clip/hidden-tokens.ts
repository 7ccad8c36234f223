/**
 * Tokens that no other looks at: a pass over a text encoder's graph, which then takes, besides `ids`, what is added to
 * the logits of each key. Source: the attention mask of transformers' CLIPTextModel.
 */

import { f32 } from '#core/tensor';
import type { Feeds } from '#engine/backend';
import { attention, input, reshape } from '#graph/build';
import { mapGraph, withInputs } from '#graph/map-graph';
import type { Graph } from '#graph/value';

const hiddenInput = 'hidden_tokens';
/** Far below any logit, and finite in halves: softmax makes nothing of it. */
const unseen = -60_000;

/** The graph with input `hidden_tokens` [batch, positions]: 0 for what is looked at. */
export function withHiddenTokens(graph: Graph): Graph {
  const ids = graph.inputs.find(({ attrs }) => attrs.name === 'ids')!;
  const [batch, positions] = ids.shape;
  const hidden = input(hiddenInput, 'f32', ids.shape);
  const mask = reshape(hidden, [batch!, 1, 1, positions!]);
  return mapGraph(graph, (v, operands) => {
    const [q, k, values] = operands;
    return v.op === 'attention' ? attention(q!, k!, values!, { ...v.attrs, mask }) : withInputs(v, operands);
  });
}

/** Feeds of the input that the pass added; none for a graph without it. `hidden`: positions, by chunk. */
export function hiddenTokenFeeds(graph: Graph, hidden: readonly (readonly number[])[]): Feeds {
  const mask = graph.inputs.find(({ attrs }) => attrs.name === hiddenInput);
  if (!mask) return {};
  const positions = mask.shape[1] as number;
  const values = new Float32Array(hidden.length * positions);
  for (const [i, own] of hidden.entries()) for (const position of own) values[i * positions + position] = unseen;
  return { [hiddenInput]: f32([hidden.length, positions], values) };
}
