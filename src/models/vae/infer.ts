/** The sizes of an AutoencoderKL from the names and shapes of its tensors. */

import { ModelFileError } from '../model-error.ts';
import { commonRows, countIndexed, hasBelow, type TensorTable } from '../tensor-table.ts';
import type { VaeConfig } from './config.ts';

/** Whether these are a VAE's tensors under LDM's names (prefix taken off). */
export function isLdmVae(tensors: TensorTable): boolean {
  return hasBelow(tensors, 'decoder.up.');
}

/** Whether these are a VAE's tensors under diffusers' names (prefix taken off). */
export function isDiffusersVae(tensors: TensorTable): boolean {
  return hasBelow(tensors, 'decoder.up_blocks.');
}

/** Reads the sizes from the decoder, under LDM or diffusers names without prefix. */
export function inferVae(tensors: TensorTable, scalingFactor: number): VaeConfig {
  const ldm = isLdmVae(tensors);
  const stem = ldm ? 'decoder.up.' : 'decoder.up_blocks.';
  const block = ldm ? '.block.' : '.resnets.';
  const levels = countIndexed(tensors, stem);
  const channels = Array.from({ length: levels }, (_, i) => levelChannels(tensors, `${stem}${i}${block}0`));
  return {
    imageChannels: commonRows(tensors, ['decoder.conv_out.bias', 'decoder.conv_out.weight']) ?? 3,
    latentChannels: tensors.get('decoder.conv_in.weight')?.shape[1] ?? 4,
    blockChannels: ldm ? channels : channels.reverse(),
    layersPerBlock: countIndexed(tensors, `${stem}0${block}`) - 1,
    normGroups: 32,
    midAttention: hasBelow(tensors, 'decoder.mid.attn_1.') || hasBelow(tensors, 'decoder.mid_block.attentions.'),
    quantConv: hasBelow(tensors, 'quant_conv.'),
    postQuantConv: hasBelow(tensors, 'post_quant_conv.'),
    scalingFactor,
  };
}

function levelChannels(tensors: TensorTable, resnet: string): number {
  const names = ['conv1.bias', 'norm2.weight', 'conv2.bias'].map((part) => `${resnet}.${part}`);
  const channels = commonRows(tensors, names);
  if (channels !== undefined) return channels;
  throw new ModelFileError('incomplete-vae', `none of ${names.join(', ')} is there: the VAE's decoder lacks a block`);
}
