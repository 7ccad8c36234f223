/** The sizes of a CLIP text encoder (transformers' names) from the names and shapes of its tensors. */

import { ModelFileError } from '../model-error.ts';
import { commonRows, countIndexed, hasBelow, type TensorTable } from '../tensor-table.ts';
import { type ClipTextConfig, clipL } from './config.ts';

/** What shapes do not tell; heads default to one for every 64 channels, as in every published CLIP. */
export interface ClipHints {
  readonly heads?: number | undefined;
  readonly activation?: ClipTextConfig['activation'] | undefined;
}

/** `text_model.` where the names have it, otherwise empty; undefined when this is no CLIP text encoder. */
export function clipPrefix(tensors: TensorTable): string | undefined {
  const telling = ['embeddings.token_embedding.', 'encoder.layers.0.self_attn.q_proj.'];
  return ['text_model.', ''].find((p) => telling.some((t) => hasBelow(tensors, p + t)));
}

/** Reads the sizes from names without the component's prefix; for missing tensors, CLIP ViT-L/14's. */
export function inferClip(tensors: TensorTable, { heads, activation = 'quickGelu' }: ClipHints = {}): ClipTextConfig {
  const model = clipPrefix(tensors) ?? '';
  const layer = `${model}encoder.layers.0`;
  const norms = ['layer_norm1', 'layer_norm2'].flatMap((n) => [`${layer}.${n}.weight`, `${layer}.${n}.bias`]);
  const width = commonRows(tensors, [...norms, `${model}final_layer_norm.weight`]) ?? clipL.width;
  if (heads === undefined && width % 64 !== 0) {
    throw new ModelFileError(
      'unknown-heads',
      `a text encoder ${width} wide does not tell its number of heads; ` +
        'put a .yaml with cond_stage_config.params.text_config.heads beside the file',
    );
  }
  return {
    vocabSize: tensors.get(`${model}embeddings.token_embedding.weight`)?.shape[0] ?? clipL.vocabSize,
    positions: tensors.get(`${model}embeddings.position_embedding.weight`)?.shape[0] ?? clipL.positions,
    width,
    layers: countIndexed(tensors, `${model}encoder.layers.`),
    heads: heads ?? width / 64,
    mlpWidth: commonRows(tensors, [`${layer}.mlp.fc1.bias`, `${layer}.mlp.fc1.weight`]) ?? 4 * width,
    activation,
  };
}
