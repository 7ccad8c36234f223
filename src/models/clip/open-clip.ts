/**
 * A CLIP text encoder under OpenCLIP's names, as SD 2 and SDXL keep it in their single files: sizes and key map.
 *
 * Its attention has one matrix for query, key and value, its projection is stored transposed.
 */

import { type KeyMap, type Rewrite, rewrite } from '../keys.ts';
import { countIndexed, hasBelow, type TensorTable } from '../tensor-table.ts';
import type { ClipTextConfig } from './config.ts';
import type { ClipHints } from './infer.ts';

const blocks = 'transformer.resblocks.';

export function isOpenClip(tensors: TensorTable): boolean {
  return hasBelow(tensors, blocks);
}

/** Channels of a head in every published OpenCLIP encoder. */
const headWidth = 64;

/** Sizes from names without the component's prefix. */
export function inferOpenClip(tensors: TensorTable, { heads }: ClipHints = {}): ClipTextConfig {
  const rows = (name: string, fallback: number): number => tensors.get(name)?.shape[0] ?? fallback;
  const width = rows('ln_final.weight', 1024);
  return {
    vocabSize: rows('token_embedding.weight', 49408),
    positions: rows('positional_embedding', 77),
    width,
    layers: countIndexed(tensors, blocks),
    heads: heads ?? Math.max(1, width / headWidth),
    mlpWidth: rows(`${blocks}0.mlp.c_fc.weight`, 4 * width),
    activation: 'gelu',
  };
}

const rules: readonly Rewrite[] = [
  [/^text_model\.embeddings\.token_embedding\.weight$/, 'token_embedding.weight'],
  [/^text_model\.embeddings\.position_embedding\.weight$/, 'positional_embedding'],
  [/^text_model\.final_layer_norm\./, 'ln_final.'],
  [/^text_projection\.weight$/, 'text_projection'],
  [/^text_model\.encoder\.layers\.(\d+)\.layer_norm1\./, `${blocks}$1.ln_1.`],
  [/^text_model\.encoder\.layers\.(\d+)\.layer_norm2\./, `${blocks}$1.ln_2.`],
  [/^text_model\.encoder\.layers\.(\d+)\.mlp\.fc1\./, `${blocks}$1.mlp.c_fc.`],
  [/^text_model\.encoder\.layers\.(\d+)\.mlp\.fc2\./, `${blocks}$1.mlp.c_proj.`],
  [/^text_model\.encoder\.layers\.(\d+)\.self_attn\.out_proj\./, `${blocks}$1.attn.out_proj.`],
  [/^text_model\.encoder\.layers\.(\d+)\.self_attn\.[qkv]_proj\.(weight|bias)$/, `${blocks}$1.attn.in_proj_$2`],
];

const joined = ['q_proj', 'k_proj', 'v_proj'];

export const openClipKeys: KeyMap = (parameter) => {
  const name = rewrite(parameter, rules);
  const part = joined.findIndex((projection) => parameter.includes(`.${projection}.`));
  if (part >= 0) return [{ name, part: [part, joined.length] }];
  return [{ name, transpose: name === 'text_projection' }];
};
