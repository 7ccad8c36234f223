/**
 * ControlNet (Zhang et al. 2023, arXiv:2302.05543): a copy of a U-Net's way down and middle that sees a hint picture
 * and answers with residuals for the U-Net's skip connections, through convolutions that start at zero.
 *
 * Names of diffusers' ControlNetModel. Left out: several hints of one network (union), class embeddings, pooling.
 */

import { input, silu } from '#graph/build';
import { mulDims } from '#graph/dim';
import { closeGraph, type Graph, type Value } from '#graph/value';
import { residualName } from '../adjust/residuals.ts';
import type { ImageSize } from '../nn/grid.ts';
import { conv, zeroInit } from '../nn/layers.ts';
import { Scope } from '../nn/scope.ts';
import type { UNetConfig } from '../unet/config.ts';
import { unetEncoder, unetInputs } from '../unet/network.ts';

export interface ControlNetConfig {
  /** Of the way down; what belongs to the way up is not looked at. */
  readonly unet: UNetConfig;
  readonly hintChannels: number;
  /** Channels of the hint's embedding, one a size: each size but the first halves the picture. */
  readonly hintWidths: readonly number[];
}

/** Component prefix of a ControlNet's parameters. */
export const controlNetScope = 'controlnet';

/** Pixels of the hint to one latent cell along a side. */
export function hintFactor({ hintWidths }: ControlNetConfig): number {
  return 2 ** (hintWidths.length - 1);
}

/**
 * Graph `sample`, `timestep`, `context`, `vector` (where the U-Net has one) and `hint` [b, hintChannels, f*h, f*w] ->
 * a residual for each skip connection and one for the middle (`residualName`). `size`: of the latent.
 */
export function controlNetGraph(config: ControlNetConfig, size: ImageSize, scope = new Scope(controlNetScope)): Graph {
  const { unet, hintChannels } = config;
  const inputs = unetInputs(unet, size);
  const [height, width] = [size.height, size.width].map((side) => mulDims(side, hintFactor(config))) as [
    number,
    number,
  ];
  const hint = input('hint', 'f32', [inputs.sample.shape[0]!, hintChannels, height, width]);
  const embedded = hintEmbedding(scope.child('controlnet_cond_embedding'), config, hint);
  const { skips, middle } = unetEncoder(scope, unet, inputs, embedded);
  const outputs = skips.map((skip, i) => [residualName(i), zeroConv(scope.child(`controlnet_down_blocks.${i}`), skip)]);
  outputs.push([residualName('middle'), zeroConv(scope.child('controlnet_mid_block'), middle)]);
  return closeGraph('controlnet', Object.fromEntries(outputs) as Record<string, Value>);
}

function zeroConv(scope: Scope, x: Value): Value {
  return conv(scope, x, x.shape[1] as number, { kernel: 1, init: zeroInit });
}

function hintEmbedding(scope: Scope, { hintWidths, unet }: ControlNetConfig, hint: Value): Value {
  let x = silu(conv(scope.child('conv_in'), hint, hintWidths[0]!, { kernel: 3 }));
  hintWidths.slice(1).forEach((width, i) => {
    x = silu(conv(scope.child(`blocks.${2 * i}`), x, hintWidths[i]!, { kernel: 3 }));
    x = silu(conv(scope.child(`blocks.${2 * i + 1}`), x, width, { kernel: 3, stride: 2 }));
  });
  return conv(scope.child('conv_out'), x, unet.blockChannels[0]!, { kernel: 3, init: zeroInit });
}
