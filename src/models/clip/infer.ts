/** The sizes of a CLIP text encoder (transformers' names) from the names and shapes of its tensors. */

import { ModelFileError } from '../model-error.ts';
import { countNumbered, type TensorTable } from '../tensor-table.ts';
import type { ClipTextConfig } from './config.ts';

/** What shapes do not tell; heads default to one for every 64 channels, as in every published CLIP. */
export interface ClipHints {
  readonly heads?: number | undefined;
  readonly activation?: ClipTextConfig['activation'] | undefined;
}

/** `text_model.` where the names have it, otherwise empty; undefined when this is no CLIP text encoder. */
export function clipPrefix(tensors: TensorTable): string | undefined {
  return ['text_model.', ''].find((p) => tensors.has(`${p}embeddings.token_embedding.weight`));
}

/** Reads the sizes from names without the component's prefix. */
export function inferClip(tensors: TensorTable, { heads, activation = 'quickGelu' }: ClipHints = {}): ClipTextConfig {
  const prefix = clipPrefix(tensors);
  const table = tensors.get(`${prefix}embeddings.token_embedding.weight`);
  const positions = tensors.get(`${prefix}embeddings.position_embedding.weight`);
  const mlp = tensors.get(`${prefix}encoder.layers.0.mlp.fc1.weight`);
  if (prefix === undefined || !table || !positions || !mlp) {
    throw new ModelFileError(
      'incomplete-text-encoder',
      'the embeddings or the first layer of the text encoder are missing',
    );
  }
  const width = table.shape[1]!;
  if (heads === undefined && width % 64 !== 0) {
    throw new ModelFileError(
      'unknown-heads',
      `a text encoder ${width} wide does not tell its number of heads; ` +
        'put a .yaml with cond_stage_config.params.text_config.heads beside the file',
    );
  }
  return {
    vocabSize: table.shape[0]!,
    positions: positions.shape[0]!,
    width,
    layers: countNumbered(tensors, `${prefix}encoder.layers.`, '.layer_norm1.weight'),
    heads: heads ?? width / 64,
    mlpWidth: mlp.shape[0]!,
    activation,
  };
}
