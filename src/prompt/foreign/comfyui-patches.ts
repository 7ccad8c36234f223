/**
 * Nodes between a sampler and its checkpoint that change how the model is run and that have a setting here. Source:
 * ComfyUI comfy_extras (names of nodes and inputs). Others stay named as left out.
 */

import type { InfotextEntry } from '../infotext-writer.ts';
import { type Graph, guides } from './comfyui-graph.ts';
import { type Json, numberOf } from './dialect.ts';

type Patch = (value: (input: string) => number | string | undefined, node: Json) => InfotextEntry[] | undefined;

const patches: Readonly<Record<string, Patch>> = {
  RescaleCFG: (value) => [['CFG rescale', value('multiplier')]],
  PerturbedAttentionGuidance: (value) => [['PAG scale', value('scale')]],
  SelfAttentionGuidance: (value) => [['SAG scale', value('scale')]],
  TomePatchModel: (value) => [['Token merging ratio', value('ratio')]],
  FreeU: (value) => (['b1', 'b2', 's1', 's2'] as const).map((name) => [`FreeU ${name}`, value(name)]),
  // What the network predicts is told by its file.
  ModelSamplingDiscrete: (_value, { sampling, zsnr }) => {
    const known = sampling === 'eps' || sampling === 'v_prediction';
    return known ? [['Noise Schedule', zsnr === true ? 'Zero Terminal SNR' : undefined]] : undefined;
  },
};

/** So many nodes behind each other are looked at. */
const most = 100;

export function patchEntries(graph: Graph, sampler: Json): InfotextEntry[] {
  const entries: InfotextEntry[] = [];
  let link = graph.search(sampler, (node) => 'model' in node, guides)?.model;
  for (let n = 0; n < most; n++) {
    const node = graph.at(link);
    if (!node) break;
    const found = patches[graph.kindOf(link) ?? '']?.((input) => numberOf(graph.value(node[input])), node);
    if (found) {
      graph.take(node);
      entries.push(...found);
    }
    link = node.model;
  }
  return entries;
}
