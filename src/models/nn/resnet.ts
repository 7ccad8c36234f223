/**
 * The residual block of latent diffusion and the layers that change an image's size.
 *
 * Names of diffusers' ResnetBlock2D, Downsample2D and Upsample2D. Left out: dropout, scale-shift time conditioning,
 * resizing inside the block.
 */

import { add, resizeNearest, silu } from '#graph/build';
import type { Padding } from '#graph/ops';
import type { Value } from '#graph/value';
import { conv, fixedAxis, groupNorm, linear, zeroInit } from './layers.ts';
import type { Scope } from './scope.ts';
import { addToChannels } from './time-embedding.ts';

export interface ResnetOptions {
  readonly out: number;
  readonly groups: number;
  readonly eps: number;
  /** Time embedding [b, e]; its SiLU is projected and added between the convolutions. */
  readonly time?: Value;
  /** Start the block as the identity (the U-Net's blocks; not the VAE's). */
  readonly zeroStart?: boolean;
}

/** [b, in, h, w] -> [b, out, h, w] */
export function resnetBlock(scope: Scope, x: Value, { out, groups, eps, time, zeroStart }: ResnetOptions): Value {
  let h = conv(scope.child('conv1'), silu(groupNorm(scope.child('norm1'), x, groups, eps)), out, { kernel: 3 });
  if (time) h = addToChannels(h, linear(scope.child('time_emb_proj'), silu(time), out));
  h = silu(groupNorm(scope.child('norm2'), h, groups, eps));
  h = conv(scope.child('conv2'), h, out, { kernel: 3, init: zeroStart ? zeroInit : undefined });
  const skip = fixedAxis(x, 1) === out ? x : conv(scope.child('conv_shortcut'), x, out, { kernel: 1 });
  return add(skip, h);
}

/** Halves height and width by a strided 3x3 convolution; the VAE's encoder pads at the right and bottom alone. */
export function downsample(scope: Scope, x: Value, padding: number | Padding = 1): Value {
  return conv(scope.child('conv'), x, fixedAxis(x, 1), { kernel: 3, stride: 2, padding });
}

/** Doubles height and width (nearest), then a 3x3 convolution. */
export function upsample(scope: Scope, x: Value): Value {
  return conv(scope.child('conv'), resizeNearest(x, 2), fixedAxis(x, 1), { kernel: 3 });
}
