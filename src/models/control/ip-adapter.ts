/**
 * IP-Adapter (Ye et al. 2023, arXiv:2308.06721): pictures as prompts. What a CLIP vision encoder says of a picture
 * becomes a few tokens, and of these each cross-attention of the U-Net gets keys and values (`adjust/image-prompt.ts`),
 * all once a picture.
 *
 * Plain (one linear layer on the picture's embedding), full (a feed-forward network on the encoder's states) and plus
 * (Resampler of Flamingo on the states). Names of tencent-ailab/IP-Adapter, ip_adapter/{ip_adapter,resampler}.py. Left
 * out: FaceID, which needs a face recogniser.
 */

import type { WeightSource } from '#engine/backend';
import { add, attention, concat, expand, gelu, input, reshape, split } from '#graph/build';
import { symbol } from '#graph/dim';
import { closeGraph, type Graph, type Value } from '#graph/value';
import { crossAttentions, imageKeyName, imageValueName } from '../adjust/image-prompt.ts';
import { sameName } from '../keys.ts';
import { ModelFileError } from '../model-error.ts';
import { batchDim } from '../nn/grid.ts';
import { fixedAxis, layerNorm, linear, normal } from '../nn/layers.ts';
import { Scope } from '../nn/scope.ts';
import { resolveParameters } from '../resolve.ts';
import type { TensorFile } from '../tensor-file.ts';
import { countIndexed, hasBelow, type TensorTable } from '../tensor-table.ts';
import { unetGraph } from '../unet/network.ts';
import { type ControlBase, checkedResolution, misfitError } from './base.ts';

type Projection =
  | { readonly kind: 'plain'; readonly tokens: number }
  | { readonly kind: 'full'; readonly hidden: number }
  | {
      readonly kind: 'plus';
      readonly queries: number;
      readonly width: number;
      readonly depth: number;
      readonly heads: number;
    };

export interface IpAdapterConfig {
  readonly projection: Projection;
  /** Of what the vision encoder gives: its embedding's width for a plain adapter, its states' for the others. */
  readonly visionWidth: number;
  readonly contextWidth: number;
  /** Channels of each cross-attention, in the file's order. */
  readonly layers: readonly number[];
}

export interface IpAdapterFile {
  readonly config: IpAdapterConfig;
  readonly weights: WeightSource;
}

/** What of the vision encoder an adapter reads: its embedding [b, width], or the states before the last layer. */
export function readsStates({ projection }: IpAdapterConfig): boolean {
  return projection.kind !== 'plain';
}

/** Component prefix of an IP adapter's parameters. */
const ipScope = 'ip';
/** Channels of a head of the Resampler, whatever its width. */
const headWidth = 64;

/**
 * Graph `image` [b, visionWidth], or [b, tokens, visionWidth] of the encoder's states -> `tokens` [b, n, contextWidth]
 * and, for `prompt`, `imageKeyName` and `imageValueName` of each layer [b, n, channels].
 */
export function ipAdapterGraph(config: IpAdapterConfig, prompt: number, root = new Scope(ipScope)): Graph {
  const states = readsStates(config) ? [symbol('states')] : [];
  const image = input('image', 'f32', [batchDim(), ...states, config.visionWidth]);
  const tokens = imageTokens(root.child('image_proj'), config, image);
  const outputs: Record<string, Value> = { tokens };
  config.layers.forEach((channels, layer) => {
    const scope = root.child(`ip_adapter.${2 * layer + 1}`);
    outputs[imageKeyName(prompt, layer)] = linear(scope.child('to_k_ip'), tokens, channels, { bias: false });
    outputs[imageValueName(prompt, layer)] = linear(scope.child('to_v_ip'), tokens, channels, { bias: false });
  });
  return closeGraph('ip-adapter', outputs);
}

function imageTokens(scope: Scope, config: IpAdapterConfig, image: Value): Value {
  const { projection, contextWidth } = config;
  if (projection.kind === 'plus') return resampled(scope, config, projection, image);
  if (projection.kind === 'full') {
    const hidden = gelu(linear(scope.child('proj.0'), image, projection.hidden));
    return layerNorm(scope.child('proj.3'), linear(scope.child('proj.2'), hidden, contextWidth));
  }
  const { tokens } = projection;
  const row = linear(scope.child('proj'), image, tokens * contextWidth);
  return layerNorm(scope.child('norm'), reshape(row, [image.shape[0]!, tokens, contextWidth]));
}

type Plus = Extract<Projection, { kind: 'plus' }>;

/** Learned queries that attend to the picture and to themselves. */
function resampled(scope: Scope, { contextWidth }: IpAdapterConfig, plus: Plus, image: Value): Value {
  const { queries, width, depth } = plus;
  const x = linear(scope.child('proj_in'), image, width);
  const learned = scope.parameter('latents', [1, queries, width], normal(width ** -0.5));
  let latents = expand(learned, [image.shape[0]!, queries, width]);
  for (let i = 0; i < depth; i++) {
    latents = add(latents, perceiver(scope.child(`layers.${i}.0`), plus, x, latents));
    latents = add(latents, feedForward(scope.child(`layers.${i}.1`), latents));
  }
  return layerNorm(scope.child('norm_out'), linear(scope.child('proj_out'), latents, contextWidth));
}

function perceiver(scope: Scope, { width, heads }: Plus, x: Value, latents: Value): Value {
  const inner = heads * headWidth;
  const seen = layerNorm(scope.child('norm1'), x);
  const asking = layerNorm(scope.child('norm2'), latents);
  const q = linear(scope.child('to_q'), asking, inner, { bias: false });
  const both = linear(scope.child('to_kv'), concat([seen, asking], 1), 2 * inner, { bias: false });
  const [k, v] = split(both, 2, -1) as [Value, Value];
  return linear(scope.child('to_out'), attention(q, k, v, { heads }), width, { bias: false });
}

function feedForward(scope: Scope, x: Value): Value {
  const width = fixedAxis(x, -1);
  const hidden = linear(scope.child('1'), layerNorm(scope.child('0'), x), 4 * width, { bias: false });
  return linear(scope.child('3'), gelu(hidden), width, { bias: false });
}

/** @throws ModelFileError for a damaged file, a kind that cannot run, or one for another base */
export function openIpAdapter(file: TensorFile, base: ControlBase): IpAdapterFile {
  const { tensors, path } = file;
  refuseFaces(tensors, path);
  const config = configOf(tensors, path);
  const wanted = crossChannels(base);
  if (config.layers.join() !== wanted.join() || config.contextWidth !== base.unet.contextWidth) {
    const found = `${config.layers.length} cross-attentions, a context of ${config.contextWidth}`;
    throw misfitError(path, 'an IP adapter', found, base);
  }
  const scope = new Scope(ipScope);
  ipAdapterGraph(config, 0, scope);
  const weights = checkedResolution(file, resolveParameters(ipScope, scope.declared(), sameName, tensors, ''));
  return { config, weights: { get: (name) => weights.get(name) } };
}

function refuseFaces(tensors: TensorTable, path: string): void {
  const names = [...tensors.keys()];
  const isFace = names.some((name) => /_lora\.(down|up)\.|perceiver_resampler|id_encoder/.test(name));
  if (!isFace && hasBelow(tensors, 'image_proj.') && hasBelow(tensors, 'ip_adapter.')) return;
  const what = isFace ? 'this is an IP adapter for faces, which needs a face recogniser' : 'this is no IP adapter';
  throw new ModelFileError('control-kind', `${what}; expected a plain, full or plus IP adapter`, path);
}

function configOf(tensors: TensorTable, path: string): IpAdapterConfig {
  const shape = (name: string): readonly number[] => {
    const found = tensors.get(name)?.shape;
    if (found) return found;
    throw new ModelFileError('missing', `${name} is missing: the IP adapter is damaged or of an unknown kind`, path);
  };
  const count = Math.floor(countIndexed(tensors, 'ip_adapter.') / 2);
  const layers = Array.from({ length: count }, (_, i) => shape(`ip_adapter.${2 * i + 1}.to_k_ip.weight`)[0]!);
  const contextWidth = shape('ip_adapter.1.to_k_ip.weight')[1]!;
  const shared = { layers, contextWidth };
  if (tensors.has('image_proj.latents')) {
    const [, queries = 0, width = 0] = shape('image_proj.latents');
    const heads = shape('image_proj.layers.0.0.to_q.weight')[0]! / headWidth;
    const depth = countIndexed(tensors, 'image_proj.layers.');
    const projection = { kind: 'plus', queries, width, depth, heads } as const;
    return { ...shared, projection, visionWidth: shape('image_proj.proj_in.weight')[1]! };
  }
  if (tensors.has('image_proj.proj.0.weight')) {
    const [hidden = 0, visionWidth = 0] = shape('image_proj.proj.0.weight');
    return { ...shared, projection: { kind: 'full', hidden }, visionWidth };
  }
  const [rows = 0, visionWidth = 0] = shape('image_proj.proj.weight');
  return { ...shared, projection: { kind: 'plain', tokens: rows / contextWidth }, visionWidth };
}

/** Channels of the base's cross-attentions, in the order of IP-Adapter files. */
function crossChannels({ unet }: ControlBase): number[] {
  const { parameters } = unetGraph(unet);
  const shapes = new Map(parameters.map(({ attrs, shape }) => [attrs.name.replace(/^[^.]+\./, ''), shape]));
  return crossAttentions([...shapes.keys()]).map((name) => shapes.get(`${name}.to_q.weight`)![0] as number);
}
