/**
 * Attention blocks: multi-head attention, GEGLU feed-forward, the transformer block of latent diffusion and the
 * spatial transformer that applies it to an image.
 *
 * Vaswani et al. 2017 (arXiv:1706.03762); GEGLU: Shazeer 2020 (arXiv:2002.05202); structure of Rombach et al. 2022
 * (arXiv:2112.10752). Names of diffusers' Transformer2DModel. Left out: dropout, gated and dual attention.
 */

import { add, attention as attend, gelu, imageToTokens, mul, split, tokensToImage } from '#graph/build';
import type { Value } from '#graph/value';
import { conv, fixedAxis, groupNorm, layerNorm, linear, zeroInit } from './layers.ts';
import type { Scope } from './scope.ts';

export interface AttentionOptions {
  readonly heads: number;
  /** Whether to_q, to_k and to_v have a bias (the VAE's have). */
  readonly bias?: boolean;
}

/** Tokens [b, t, c] attend to `context` [b, s, d] (to themselves when left out) -> [b, t, c]. */
export function attention(scope: Scope, x: Value, context: Value, { heads, bias = false }: AttentionOptions): Value {
  const width = fixedAxis(x, -1);
  const q = linear(scope.child('to_q'), x, width, { bias });
  const k = linear(scope.child('to_k'), context, width, { bias });
  const v = linear(scope.child('to_v'), context, width, { bias });
  return linear(scope.child('to_out.0'), attend(q, k, v, { heads }), width);
}

/** [b, t, c] -> 4c values times the GELU of 4c gates -> [b, t, c] */
function gegluFeedForward(scope: Scope, x: Value): Value {
  const width = fixedAxis(x, -1);
  const [value, gate] = split(linear(scope.child('net.0.proj'), x, 8 * width), 2, -1) as [Value, Value];
  return linear(scope.child('net.2'), mul(value, gelu(gate)), width);
}

/** Self-attention, cross-attention and feed-forward, each normalised before and added to its input. */
function transformerBlock(scope: Scope, tokens: Value, context: Value, heads: number): Value {
  const self = layerNorm(scope.child('norm1'), tokens);
  let x = add(tokens, attention(scope.child('attn1'), self, self, { heads }));
  const cross = layerNorm(scope.child('norm2'), x);
  x = add(x, attention(scope.child('attn2'), cross, context, { heads }));
  return add(x, gegluFeedForward(scope.child('ff'), layerNorm(scope.child('norm3'), x)));
}

export interface SpatialTransformerOptions {
  readonly heads: number;
  readonly depth: number;
  readonly groups: number;
  /** Projections as linear layers on tokens (SD2, SDXL) instead of 1x1 convolutions (SD1). */
  readonly linearProjection: boolean;
}

/** [b, c, h, w] attending to context [b, s, d] -> [b, c, h, w] */
export function spatialTransformer(
  scope: Scope,
  image: Value,
  context: Value,
  { heads, depth, groups, linearProjection }: SpatialTransformerOptions,
): Value {
  const channels = fixedAxis(image, 1);
  const [height, width] = [image.shape[2]!, image.shape[3]!];
  const normed = groupNorm(scope.child('norm'), image, groups, 1e-6);
  let tokens = linearProjection
    ? linear(scope.child('proj_in'), imageToTokens(normed), channels)
    : imageToTokens(conv(scope.child('proj_in'), normed, channels, { kernel: 1 }));
  for (let i = 0; i < depth; i++) {
    tokens = transformerBlock(scope.child(`transformer_blocks.${i}`), tokens, context, heads);
  }
  const out = linearProjection
    ? tokensToImage(linear(scope.child('proj_out'), tokens, channels, { init: zeroInit }), height, width)
    : conv(scope.child('proj_out'), tokensToImage(tokens, height, width), channels, { kernel: 1, init: zeroInit });
  return add(out, image);
}
