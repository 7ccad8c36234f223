/** The sizes of an AutoencoderKL from the names and shapes of its tensors. */

import { ModelFileError } from '../model-error.ts';
import { countNumbered, type TensorTable } from '../tensor-table.ts';
import type { VaeConfig } from './config.ts';

/** Whether these are a VAE's tensors under LDM's names (prefix taken off). */
export function isLdmVae(tensors: TensorTable): boolean {
  return tensors.has('decoder.up.0.block.0.conv1.weight') && tensors.has('decoder.conv_in.weight');
}

/** Whether these are a VAE's tensors under diffusers' names (prefix taken off). */
export function isDiffusersVae(tensors: TensorTable): boolean {
  return tensors.has('decoder.up_blocks.0.resnets.0.conv1.weight') && tensors.has('decoder.conv_in.weight');
}

/** Reads the sizes from the decoder, under LDM or diffusers names without prefix. */
export function inferVae(tensors: TensorTable, scalingFactor: number): VaeConfig {
  const ldm = isLdmVae(tensors);
  const stem = ldm ? 'decoder.up.' : 'decoder.up_blocks.';
  const block = ldm ? '.block.' : '.resnets.';
  const levels = countNumbered(tensors, stem, `${block}0.conv1.weight`);
  const output = tensors.get('decoder.conv_out.weight');
  if (levels === 0 || !output) throw new ModelFileError('incomplete-vae', 'the decoder of the VAE is incomplete');
  const channels = Array.from(
    { length: levels },
    (_, i) => tensors.get(`${stem}${i}${block}0.conv1.weight`)!.shape[0]!,
  );
  return {
    imageChannels: output.shape[0]!,
    latentChannels: tensors.get('decoder.conv_in.weight')!.shape[1]!,
    blockChannels: ldm ? channels : channels.reverse(),
    layersPerBlock: countNumbered(tensors, `${stem}0${block}`, '.conv1.weight') - 1,
    normGroups: 32,
    midAttention: tensors.has('decoder.mid.attn_1.norm.weight') || hasDiffusersAttention(tensors),
    quantConv: tensors.has('quant_conv.weight'),
    postQuantConv: tensors.has('post_quant_conv.weight'),
    scalingFactor,
  };
}

function hasDiffusersAttention(tensors: TensorTable): boolean {
  return tensors.has('decoder.mid_block.attentions.0.group_norm.weight');
}
