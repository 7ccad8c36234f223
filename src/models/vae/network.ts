/**
 * AutoencoderKL: the variational autoencoder of latent diffusion (Rombach et al. 2022, arXiv:2112.10752), with the
 * parameter names of diffusers. Images are NCHW, RGB, -1 .. 1; latents here are unscaled.
 */

import { add, clamp, imageToTokens, input, silu, split, tokensToImage } from '#graph/build';
import { mulDims } from '#graph/dim';
import { closeGraph, type Graph, type Value } from '#graph/value';
import { attention } from '../nn/attention.ts';
import { batchDim, type ImageSize, latentGrid } from '../nn/grid.ts';
import { conv, fixedAxis, groupNorm } from '../nn/layers.ts';
import { downsample, resnetBlock, upsample } from '../nn/resnet.ts';
import { Scope } from '../nn/scope.ts';
import { type VaeConfig, vaeFactor } from './config.ts';

/** Component prefix of the VAE's parameters. */
export const vaeScope = 'vae';

const normEps = 1e-6;

/** The posterior over the unscaled latent: mean and log variance, each [b, latentChannels, h/f, w/f]. */
interface VaePosterior {
  readonly mean: Value;
  readonly logvar: Value;
}

/** Image [b, imageChannels, h, w] -> posterior; the log variance is clamped to [-30, 20]. */
export function vaeEncode(scope: Scope, config: VaeConfig, image: Value): VaePosterior {
  const encoder = scope.child('encoder');
  const { blockChannels, layersPerBlock, latentChannels } = config;
  let x = conv(encoder.child('conv_in'), image, blockChannels[0]!, { kernel: 3 });
  blockChannels.forEach((channels, level) => {
    const block = encoder.child(`down_blocks.${level}`);
    for (let j = 0; j < layersPerBlock; j++) x = resnet(block.child(`resnets.${j}`), config, x, channels);
    if (level < blockChannels.length - 1) x = downsample(block.child('downsamplers.0'), x, [0, 0, 1, 1]);
  });
  x = middle(encoder.child('mid_block'), config, x);
  x = silu(groupNorm(encoder.child('conv_norm_out'), x, config.normGroups, normEps));
  x = conv(encoder.child('conv_out'), x, 2 * latentChannels, { kernel: 3 });
  if (config.quantConv) x = conv(scope.child('quant_conv'), x, 2 * latentChannels, { kernel: 1 });
  const [mean, logvar] = split(x, 2, 1) as [Value, Value];
  return { mean, logvar: clamp(logvar, -30, 20) };
}

/** Unscaled latent [b, latentChannels, h, w] -> image [b, imageChannels, f*h, f*w], not clamped. */
export function vaeDecode(scope: Scope, config: VaeConfig, latent: Value): Value {
  const decoder = scope.child('decoder');
  const channels = [...config.blockChannels].reverse();
  let x = latent;
  if (config.postQuantConv) x = conv(scope.child('post_quant_conv'), x, config.latentChannels, { kernel: 1 });
  x = conv(decoder.child('conv_in'), x, channels[0]!, { kernel: 3 });
  x = middle(decoder.child('mid_block'), config, x);
  channels.forEach((width, i) => {
    const block = decoder.child(`up_blocks.${i}`);
    for (let j = 0; j <= config.layersPerBlock; j++) x = resnet(block.child(`resnets.${j}`), config, x, width);
    if (i < channels.length - 1) x = upsample(block.child('upsamplers.0'), x);
  });
  x = silu(groupNorm(decoder.child('conv_norm_out'), x, config.normGroups, normEps));
  return conv(decoder.child('conv_out'), x, config.imageChannels, { kernel: 3 });
}

function resnet(scope: Scope, { normGroups: groups }: VaeConfig, x: Value, out: number): Value {
  return resnetBlock(scope, x, { out, groups, eps: normEps });
}

function middle(scope: Scope, config: VaeConfig, x: Value): Value {
  const channels = fixedAxis(x, 1);
  let h = resnet(scope.child('resnets.0'), config, x, channels);
  if (config.midAttention) h = imageAttention(scope.child('attentions.0'), config, h);
  return resnet(scope.child('resnets.1'), config, h, channels);
}

/** Single-head self-attention over the cells of an image, added to it. */
function imageAttention(scope: Scope, { normGroups }: VaeConfig, image: Value): Value {
  const tokens = imageToTokens(groupNorm(scope.child('group_norm'), image, normGroups, normEps));
  const out = attention(scope, tokens, tokens, { heads: 1, bias: true });
  return add(image, tokensToImage(out, image.shape[2]!, image.shape[3]!));
}

export interface VaeGraphOptions {
  /** Latent size; left open by default. */
  readonly size?: ImageSize;
  readonly scope?: Scope;
}

/** Graph `image` -> `mean`, `logvar`. */
export function vaeEncoderGraph(
  config: VaeConfig,
  { size = latentGrid(1), scope = new Scope(vaeScope) }: VaeGraphOptions = {},
): Graph {
  const pixels = (d: ImageSize['height']): ImageSize['height'] => mulDims(d, vaeFactor(config));
  const image = input('image', 'f32', [batchDim(), config.imageChannels, pixels(size.height), pixels(size.width)]);
  const { mean, logvar } = vaeEncode(scope, config, image);
  return closeGraph('vae_encoder', { mean, logvar });
}

/** Graph `latent` -> `image`. */
export function vaeDecoderGraph(
  config: VaeConfig,
  { size = latentGrid(1), scope = new Scope(vaeScope) }: VaeGraphOptions = {},
): Graph {
  const latent = input('latent', 'f32', [batchDim(), config.latentChannels, size.height, size.width]);
  return closeGraph('vae_decoder', { image: vaeDecode(scope, config, latent) });
}
