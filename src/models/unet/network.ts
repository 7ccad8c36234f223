/**
 * The conditional U-Net of latent diffusion (Rombach et al. 2022, arXiv:2112.10752), with the parameter names of
 * diffusers' UNet2DConditionModel.
 *
 * A size that the levels do not divide (fixed dimensions only) is rounded up on the way down; on the way up the
 * surplus last row or column is dropped before the skip is joined, as A1111 does. Left out: image embeddings.
 */

import { add, concat, input, silu, sliceAxis } from '#graph/build';
import { type Dim, sameDim, symbol } from '#graph/dim';
import { closeGraph, type Graph, type Value } from '#graph/value';
import { spatialTransformer } from '../nn/attention.ts';
import { batchDim, type ImageSize, latentGrid } from '../nn/grid.ts';
import { conv, groupNorm, zeroInit } from '../nn/layers.ts';
import { downsample, resnetBlock, upsample } from '../nn/resnet.ts';
import { Scope } from '../nn/scope.ts';
import { embeddingMlp, sinusoids } from '../nn/time-embedding.ts';
import type { UNetConfig } from './config.ts';

/** Component prefix of the U-Net's parameters. */
export const unetScope = 'unet';

const normEps = 1e-5;

export interface UNetInputs {
  /** [b, inChannels, h, w] */
  readonly sample: Value;
  /** f32 [b], 0 .. 999; may lie between whole steps. */
  readonly timestep: Value;
  /** [b, tokens, contextWidth] */
  readonly context: Value;
  /** [b, vectorWidth], where the config has one. */
  readonly vector?: Value | undefined;
}

interface Conditioning {
  readonly config: UNetConfig;
  readonly time: Value;
  readonly context: Value;
}

/** What the way down leaves: the skip connections, the finest first, and the state in the middle. */
export interface EncodedSample {
  readonly skips: readonly Value[];
  readonly middle: Value;
}

/**
 * The way down and the middle. `hint` [b, blockChannels[0], h, w] is added to what the first convolution makes of the
 * sample.
 */
export function unetEncoder(scope: Scope, config: UNetConfig, inputs: UNetInputs, hint?: Value): EncodedSample {
  return encode(scope, conditioning(scope, config, inputs), inputs.sample, hint);
}

/** What the model predicts, [b, outChannels, h, w]. */
export function unet(scope: Scope, config: UNetConfig, inputs: UNetInputs): Value {
  const channels = config.blockChannels;
  const on = conditioning(scope, config, inputs);
  const encoded = encode(scope, on, inputs.sample);
  const skips = [...encoded.skips];
  let x = encoded.middle;
  channels.forEach((_, i) => {
    x = upLevel(scope.child(`up_blocks.${i}`), on, channels.length - 1 - i, x, skips);
  });
  const normed = silu(groupNorm(scope.child('conv_norm_out'), x, config.normGroups, normEps));
  return conv(scope.child('conv_out'), normed, config.outChannels, { kernel: 3, init: zeroInit });
}

function conditioning(scope: Scope, config: UNetConfig, { timestep, context, vector }: UNetInputs): Conditioning {
  const first = config.blockChannels[0]!;
  const clock = embeddingMlp(scope.child('time_embedding'), sinusoids(timestep, first), 4 * first);
  const time = vector ? add(clock, embeddingMlp(scope.child('add_embedding'), vector, 4 * first)) : clock;
  return { config, time, context };
}

function encode(scope: Scope, on: Conditioning, sample: Value, hint?: Value): EncodedSample {
  const { blockChannels } = on.config;
  const start = conv(scope.child('conv_in'), sample, blockChannels[0]!, { kernel: 3 });
  const skips = [hint ? add(start, hint) : start];
  blockChannels.forEach((_, level) => {
    downLevel(scope.child(`down_blocks.${level}`), on, level, skips);
  });
  return { skips, middle: middle(scope.child('mid_block'), on, skips.at(-1)!) };
}

function resnet(scope: Scope, { config, time }: Conditioning, x: Value, out: number): Value {
  return resnetBlock(scope, x, { out, groups: config.normGroups, eps: normEps, time, zeroStart: true });
}

function transformer(scope: Scope, { config, context }: Conditioning, x: Value, level: number, depth: number): Value {
  const { normGroups: groups, linearProjection, heads } = config;
  return spatialTransformer(scope, x, context, { heads: heads[level]!, depth, groups, linearProjection });
}

/** Appends one skip a layer, and one for the downsampled image. */
function downLevel(scope: Scope, on: Conditioning, level: number, skips: Value[]): void {
  const { blockChannels, layersPerBlock, transformerDepth } = on.config;
  const depth = transformerDepth[level]!;
  let x = skips.at(-1)!;
  for (let j = 0; j < layersPerBlock; j++) {
    x = resnet(scope.child(`resnets.${j}`), on, x, blockChannels[level]!);
    if (depth > 0) x = transformer(scope.child(`attentions.${j}`), on, x, level, depth);
    skips.push(x);
  }
  if (level < blockChannels.length - 1) skips.push(downsample(scope.child('downsamplers.0'), x));
}

function middle(scope: Scope, on: Conditioning, x: Value): Value {
  const level = on.config.blockChannels.length - 1;
  const channels = on.config.blockChannels[level]!;
  const depth = on.config.midTransformerDepth;
  let h = resnet(scope.child('resnets.0'), on, x, channels);
  if (depth > 0) h = transformer(scope.child('attentions.0'), on, h, level, depth);
  return resnet(scope.child('resnets.1'), on, h, channels);
}

/** Takes its skips from the end of the list. */
function upLevel(scope: Scope, on: Conditioning, level: number, from: Value, skips: Value[]): Value {
  const { blockChannels, layersPerBlock, transformerDepth } = on.config;
  const depth = transformerDepth[level]!;
  let x = from;
  for (let j = 0; j <= layersPerBlock; j++) {
    const skip = skips.pop()!;
    x = concat([cropTo(x, skip), skip], 1);
    x = resnet(scope.child(`resnets.${j}`), on, x, blockChannels[level]!);
    if (depth > 0) x = transformer(scope.child(`attentions.${j}`), on, x, level, depth);
  }
  return level > 0 ? upsample(scope.child('upsamplers.0'), x) : x;
}

function cropTo(x: Value, target: Value): Value {
  return [2, 3].reduce((v, axis) => {
    const size: Dim = target.shape[axis]!;
    return sameDim(v.shape[axis]!, size) ? v : sliceAxis(v, axis, 0, size as number);
  }, x);
}

export interface UNetGraphOptions {
  /** Latent size; left open on the levels' grid by default. */
  readonly size?: ImageSize;
  readonly scope?: Scope;
}

/** Graph `sample`, `timestep`, `context` and, where the config has one, `vector` -> `prediction`. */
export function unetGraph(
  config: UNetConfig,
  { size = latentGrid(config.blockChannels.length), scope = new Scope(unetScope) }: UNetGraphOptions = {},
): Graph {
  return closeGraph('unet', { prediction: unet(scope, config, unetInputs(config, size)) });
}

export function unetInputs({ inChannels, contextWidth, vectorWidth }: UNetConfig, size: ImageSize): UNetInputs {
  const batch = batchDim();
  return {
    sample: input('sample', 'f32', [batch, inChannels, size.height, size.width]),
    timestep: input('timestep', 'f32', [batch]),
    context: input('context', 'f32', [batch, symbol('tokens'), contextWidth]),
    vector: vectorWidth === undefined ? undefined : input('vector', 'f32', [batch, vectorWidth]),
  };
}
