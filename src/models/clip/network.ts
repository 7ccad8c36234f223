/**
 * CLIP's text encoder: a causal transformer over token embeddings; its layers are the vision encoder's as well.
 *
 * Radford et al. 2021 (arXiv:2103.00020), names of transformers' CLIPTextModel, initial values of CLIP's paper code
 * (normal, scaled by width and depth). Left out: padding masks (Stable Diffusion does not use them).
 */

import { add, argMax, attention, cast, expand, gatherElements, gelu, input, quickGelu, reshape } from '#graph/build';
import { type Dim, symbol } from '#graph/dim';
import { closeGraph, type Graph, type Value } from '#graph/value';
import { type AffineInit, embedding, layerNorm, linear, normal, zeros } from '../nn/layers.ts';
import { Scope } from '../nn/scope.ts';
import type { ClipTextConfig } from './config.ts';

/** Component prefix of the (first) text encoder's parameters. */
export const textEncoderScope = 'text_encoder';

/** Token embeddings of ids [b, t] (i64) -> [b, t, width], before positions are added. */
function clipTokenEmbeddings(scope: Scope, config: ClipTextConfig, ids: Value): Value {
  const table = scope.child('text_model.embeddings.token_embedding');
  return embedding(table, ids, config.vocabSize, config.width);
}

/**
 * States of every depth for token embeddings [b, positions, width]: entry 0 is the input of the first layer, entry i
 * the output of layer i. `layers` stops early.
 */
function clipHiddenStates(scope: Scope, config: ClipTextConfig, tokens: Value, layers = config.layers): Value[] {
  const model = scope.child('text_model');
  const position = model.child('embeddings.position_embedding');
  const positions = position.parameter('weight', [config.positions, config.width], normal(0.01));
  const states = [add(tokens, positions)];
  for (let i = 0; i < layers; i++) states.push(clipLayer(model.child(`encoder.layers.${i}`), config, states[i]!));
  return states;
}

/** The layer norm after the last layer. */
function clipFinalNorm(scope: Scope, state: Value): Value {
  return layerNorm(scope.child('text_model.final_layer_norm'), state);
}

/** What a layer needs to know; text is read causally, pictures are not. */
export interface ClipLayerConfig
  extends Pick<ClipTextConfig, 'width' | 'layers' | 'heads' | 'mlpWidth' | 'activation'> {
  readonly causal?: boolean;
}

/** [b, t, width] -> [b, t, width] */
export function clipLayer(scope: Scope, config: ClipLayerConfig, x: Value): Value {
  const attended = add(x, selfAttention(scope.child('self_attn'), config, layerNorm(scope.child('layer_norm1'), x)));
  return add(attended, mlp(scope.child('mlp'), config, layerNorm(scope.child('layer_norm2'), attended)));
}

const scaled = (std: number): AffineInit => ({ weight: normal(std), bias: zeros });

function selfAttention(scope: Scope, { width, heads, layers, causal = true }: ClipLayerConfig, x: Value): Value {
  const inner = { init: scaled((width * 2 * layers) ** -0.5) };
  const q = linear(scope.child('q_proj'), x, width, inner);
  const k = linear(scope.child('k_proj'), x, width, inner);
  const v = linear(scope.child('v_proj'), x, width, inner);
  const out = attention(q, k, v, { heads, causal });
  return linear(scope.child('out_proj'), out, width, { init: scaled(width ** -0.5) });
}

function mlp(scope: Scope, { width, mlpWidth, activation, layers }: ClipLayerConfig, x: Value): Value {
  const hidden = linear(scope.child('fc1'), x, mlpWidth, { init: scaled((2 * width) ** -0.5) });
  const active = activation === 'quickGelu' ? quickGelu(hidden) : gelu(hidden);
  return linear(scope.child('fc2'), active, width, { init: scaled((width * 2 * layers) ** -0.5) });
}

/**
 * SD 1's text conditioning: ids [b, positions] -> [b, positions, width], the state `clipSkip` - 1 layers before the
 * last, through the final norm.
 */
export function clipText(scope: Scope, config: ClipTextConfig, ids: Value, clipSkip = 1): Value {
  const layers = Math.max(0, config.layers - clipSkip + 1);
  const states = clipHiddenStates(scope, config, clipTokenEmbeddings(scope, config, ids), layers);
  return clipFinalNorm(scope, states.at(-1)!);
}

/** Graph `ids` (i64 [batch, positions]) -> `context` (f32 [batch, positions, width]). */
export function clipTextGraph(
  config: ClipTextConfig,
  { clipSkip = 1, scope = new Scope(textEncoderScope) }: { clipSkip?: number; scope?: Scope } = {},
): Graph {
  const ids = input('ids', 'i64', [symbol('batch'), config.positions]);
  return closeGraph('text_encoder', { context: clipText(scope, config, ids, clipSkip) });
}

export interface ClipEncoding {
  /** Layers before the last whose state is the context: 0 is the last one's own. */
  readonly skip: number;
  /** Whether the context goes through the final norm. */
  readonly finalNorm: boolean;
  /** Width of the text's projection, which is then an output as well. */
  readonly pooledWidth?: number | undefined;
}

/**
 * Graph `ids` -> `context`, and `pooled` (f32 [batch, pooledWidth]): the last state at the text's end, normed and
 * projected. The end is the largest id, as in CLIP's own code, whatever follows it.
 */
export function clipEncoderGraph(
  config: ClipTextConfig,
  { skip, finalNorm, pooledWidth }: ClipEncoding,
  scope = new Scope(textEncoderScope),
): Graph {
  const ids = input('ids', 'i64', [symbol('batch'), config.positions]);
  // Without a pooled text nothing needs the layers behind the context.
  const layers = pooledWidth === undefined ? config.layers - skip : config.layers;
  const states = clipHiddenStates(scope, config, clipTokenEmbeddings(scope, config, ids), layers);
  const state = states[config.layers - skip]!;
  const context = finalNorm ? clipFinalNorm(scope, state) : state;
  if (pooledWidth === undefined) return closeGraph(scope.path || 'text_encoder', { context });
  const pooled = pooledText(scope, config, { ids, last: states.at(-1)!, pooledWidth });
  return closeGraph(scope.path || 'text_encoder', { context, pooled });
}

interface PooledText {
  readonly ids: Value;
  readonly last: Value;
  readonly pooledWidth: number;
}

function pooledText(scope: Scope, { width }: ClipTextConfig, { ids, last, pooledWidth }: PooledText): Value {
  const batch = ids.shape[0] as Dim;
  const end = reshape(argMax(cast(ids, 'f32'), -1), [batch, 1, 1]);
  const state = gatherElements(clipFinalNorm(scope, last), expand(end, [batch, 1, width]), 1);
  return linear(scope.child('text_projection'), reshape(state, [batch, width]), pooledWidth, {
    bias: false,
    init: { weight: normal(width ** -0.5) },
  });
}
