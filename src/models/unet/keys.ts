/**
 * Names of the U-Net in LDM single files (openaimodel.py of CompVis/stable-diffusion), below `model.diffusion_model.`.
 *
 * The original numbers its blocks in one row: a level of r layers takes r + 1 places on the way down (the last one is
 * the downsampling) and r + 1 on the way up.
 */

import { type KeyMap, type Rewrite, rewrite } from '../keys.ts';
import type { UNetConfig } from './config.ts';

const resnetParts: readonly Rewrite[] = [
  [/\.norm1\./, '.in_layers.0.'],
  [/\.conv1\./, '.in_layers.2.'],
  [/\.time_emb_proj\./, '.emb_layers.1.'],
  [/\.norm2\./, '.out_layers.0.'],
  [/\.conv2\./, '.out_layers.3.'],
  [/\.conv_shortcut\./, '.skip_connection.'],
];

function blockRules(config: UNetConfig): readonly Rewrite[] {
  const row = config.layersPerBlock + 1;
  const levels = config.blockChannels.length;
  const at = (block: string, layer: string): number => row * Number(block) + Number(layer);
  const afterAttention = (block: string): number => (config.transformerDepth[levels - 1 - Number(block)]! > 0 ? 2 : 1);
  return [
    [/^conv_in\./, 'input_blocks.0.0.'],
    [/^time_embedding\.linear_1\./, 'time_embed.0.'],
    [/^time_embedding\.linear_2\./, 'time_embed.2.'],
    [/^add_embedding\.linear_1\./, 'label_emb.0.0.'],
    [/^add_embedding\.linear_2\./, 'label_emb.0.2.'],
    [/^conv_norm_out\./, 'out.0.'],
    [/^conv_out\./, 'out.2.'],
    [/^down_blocks\.(\d+)\.resnets\.(\d+)\./, (block, j) => `input_blocks.${1 + at(block, j)}.0.`],
    [/^down_blocks\.(\d+)\.attentions\.(\d+)\./, (block, j) => `input_blocks.${1 + at(block, j)}.1.`],
    [/^down_blocks\.(\d+)\.downsamplers\.0\.conv\./, (block) => `input_blocks.${row * (Number(block) + 1)}.0.op.`],
    [/^mid_block\.resnets\.0\./, 'middle_block.0.'],
    [/^mid_block\.attentions\.0\./, 'middle_block.1.'],
    [/^mid_block\.resnets\.1\./, config.midTransformerDepth > 0 ? 'middle_block.2.' : 'middle_block.1.'],
    [/^up_blocks\.(\d+)\.resnets\.(\d+)\./, (block, j) => `output_blocks.${at(block, j)}.0.`],
    [/^up_blocks\.(\d+)\.attentions\.(\d+)\./, (block, j) => `output_blocks.${at(block, j)}.1.`],
    [
      /^up_blocks\.(\d+)\.upsamplers\.0\.conv\./,
      (block) => `output_blocks.${at(block, '0') + row - 1}.${afterAttention(block)}.conv.`,
    ],
  ];
}

/** Canonical names (without `unet.`) to LDM's. */
export function ldmUNetKeys(config: UNetConfig): KeyMap {
  const rules = blockRules(config);
  return (parameter) => {
    const placed = rewrite(parameter, rules);
    return [{ name: /\.resnets\./.test(parameter) ? rewrite(placed, resnetParts) : placed }];
  };
}
