/**
 * Names of the VAE in LDM single files (below `first_stage_model.`), in stand-alone VAE files (without prefix), and in
 * diffusers files, old and new.
 *
 * LDM's decoder numbers its levels from the finest; its attention is 1x1 convolutions where diffusers has linear
 * layers, which differs in the stored shape alone.
 */

import { type KeyMap, type Rewrite, rewrite } from '../keys.ts';
import type { VaeConfig } from './config.ts';

const attentionParts: readonly Rewrite[] = [
  [/\.group_norm\./, '.norm.'],
  [/\.to_q\./, '.q.'],
  [/\.to_k\./, '.k.'],
  [/\.to_v\./, '.v.'],
  [/\.to_out\.0\./, '.proj_out.'],
];

/** Before diffusers 0.12. */
const oldAttentionParts: readonly Rewrite[] = [
  [/\.to_q\./, '.query.'],
  [/\.to_k\./, '.key.'],
  [/\.to_v\./, '.value.'],
  [/\.to_out\.0\./, '.proj_attn.'],
];

const attention = /\.mid_block\.attentions\.0\./;

/** Canonical names (without `vae.`) to LDM's. */
export function ldmVaeKeys(config: VaeConfig): KeyMap {
  const levels = config.blockChannels.length;
  const rules: readonly Rewrite[] = [
    [/\.conv_norm_out\./, '.norm_out.'],
    [/\.down_blocks\.(\d+)\.resnets\.(\d+)\./, '.down.$1.block.$2.'],
    [/\.down_blocks\.(\d+)\.downsamplers\.0\./, '.down.$1.downsample.'],
    [/\.up_blocks\.(\d+)\.resnets\.(\d+)\./, (up, j) => `.up.${levels - 1 - Number(up)}.block.${j}.`],
    [/\.up_blocks\.(\d+)\.upsamplers\.0\./, (up) => `.up.${levels - 1 - Number(up)}.upsample.`],
    [/\.mid_block\.resnets\.(\d+)\./, (j) => `.mid.block_${Number(j) + 1}.`],
    [attention, '.mid.attn_1.'],
  ];
  return (parameter) => {
    const placed = rewrite(parameter, rules);
    const name = attention.test(parameter)
      ? rewrite(placed, attentionParts)
      : rewrite(placed, [[/\.conv_shortcut\./, '.nin_shortcut.']]);
    return [{ name }];
  };
}

/** Canonical names to those of diffusers files. */
export const diffusersVaeKeys: KeyMap = (parameter) =>
  attention.test(parameter) && !parameter.includes('.group_norm.')
    ? [{ name: parameter }, { name: rewrite(parameter, oldAttentionParts) }]
    : [{ name: parameter }];
