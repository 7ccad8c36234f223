/**
 * A U-Net that also attends to pictures: out = attn(q, k, v) + attn(q, k', v') in every cross-attention, with keys and
 * values that the caller makes of the pictures' tokens. IP-Adapter (Ye et al. 2023, arXiv:2308.06721), decoupled
 * cross-attention; its scale and a region are the caller's, as factors on the values.
 *
 * A pass over a graph with diffusers' parameter names.
 */

import { UserError } from '#core/errors';
import { add, attention, input } from '#graph/build';
import { symbol } from '#graph/dim';
import { mapGraph, withInputs } from '#graph/map-graph';
import type { Graph, Value } from '#graph/value';

export const imageKeyName = (prompt: number, layer: number): string => `image_key_${prompt}_${layer}`;
export const imageValueName = (prompt: number, layer: number): string => `image_value_${prompt}_${layer}`;

const queryWeight = /(?:^|\.)((?:down_blocks|up_blocks|mid_block)\..*\.attn2)\.to_q\.weight$/;

/** Cross-attentions of a U-Net below its component's name, in the order in which IP-Adapter files number them. */
export function crossAttentions(parameters: readonly string[]): string[] {
  const found = parameters.flatMap((name) => queryWeight.exec(name)?.[1] ?? []);
  return found.sort(byPlace);
}

const order = ['down_blocks', 'up_blocks', 'mid_block'];

/** Way down, way up, middle; numbers as numbers. */
function byPlace(a: string, b: string): number {
  const [partsA, partsB] = [a.split('.'), b.split('.')];
  const section = order.indexOf(partsA[0]!) - order.indexOf(partsB[0]!);
  if (section !== 0) return section;
  for (const [i, part] of partsA.entries()) {
    const difference = Number(part) - Number(partsB[i]);
    if (difference) return difference;
  }
  return 0;
}

/** `count`: of pictures' prompts, each with keys and values of its own. */
export function withImagePrompts(graph: Graph, count: number): Graph {
  const layers = crossAttentions(graph.parameters.map(({ attrs }) => attrs.name));
  if (layers.length === 0) {
    const message = 'IP-Adapter needs a U-Net with cross-attention; this model has none. Leave the unit out.';
    throw new UserError('control.network', message);
  }
  return mapGraph(graph, (v, operands) => {
    const same = withInputs(v, operands);
    const layer = v.op === 'attention' ? layers.indexOf(nameOf(v)) : -1;
    if (v.op !== 'attention' || layer < 0) return same;
    let sum = same;
    for (let prompt = 0; prompt < count; prompt++) {
      const shape = [v.shape[0]!, symbol(`image_tokens_${prompt}`), v.shape[2]!];
      const key = input(imageKeyName(prompt, layer), 'f32', shape);
      const value = input(imageValueName(prompt, layer), 'f32', shape);
      sum = add(sum, attention(operands[0]!, key, value, { heads: v.attrs.heads, scale: v.attrs.scale }));
    }
    return sum;
  });
}

function nameOf(v: Value): string {
  const weight = v.inputs[0]?.inputs.find((x) => x.op === 'parameter');
  return weight?.op === 'parameter' ? (queryWeight.exec(weight.attrs.name)?.[1] ?? '') : '';
}
