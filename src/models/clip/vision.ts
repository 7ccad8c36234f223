/**
 * CLIP's vision encoder (Radford et al. 2021, arXiv:2103.00020): a vision transformer whose class token, projected, is
 * a picture's embedding. Names of transformers' CLIPVisionModelWithProjection (`pre_layrnorm` is theirs).
 *
 * Sizes come from the tensors; heads and activation from a config.json beside them, else from the widths published.
 */

import type { WeightSource } from '#engine/backend';
import { add, concat, conv2d, expand, imageToTokens, input, reshape, sliceAxis } from '#graph/build';
import { closeGraph, type Graph } from '#graph/value';
import { CheckpointError } from '../checkpoint-error.ts';
import { clipActivation } from '../diffusers-config.ts';
import type { Fields } from '../fields.ts';
import { sameName } from '../keys.ts';
import { ModelFileError } from '../model-error.ts';
import { batchDim } from '../nn/grid.ts';
import { layerNorm, linear, normal } from '../nn/layers.ts';
import { Scope } from '../nn/scope.ts';
import { resolveParameters } from '../resolve.ts';
import type { TensorFile } from '../tensor-file.ts';
import { countIndexed, type TensorTable } from '../tensor-table.ts';
import type { ClipTextConfig } from './config.ts';
import { clipLayer } from './network.ts';

export interface ClipVisionConfig extends Omit<ClipTextConfig, 'vocabSize' | 'positions'> {
  /** Side of the picture, and of a patch, in pixels. */
  readonly imageSize: number;
  readonly patchSize: number;
  readonly embeddingWidth: number;
}

export interface ClipVisionFile {
  readonly config: ClipVisionConfig;
  readonly weights: WeightSource;
}

/** Component prefix of a vision encoder's parameters. */
const visionScope = 'vision';
const telling = 'vision_model.embeddings.patch_embedding.weight';

export function isClipVision(tensors: TensorTable): boolean {
  return tensors.has(telling);
}

/** Mean and deviation of the pictures it was trained on, of RGB in 0..1. */
export const clipMean = [0.48145466, 0.4578275, 0.40821073] as const;
export const clipDeviation = [0.26862954, 0.26130258, 0.27577711] as const;

/**
 * Graph `pixels` [b, 3, imageSize, imageSize], normalised -> `embedding` [b, embeddingWidth], not of unit length, and
 * `states` [b, 1 + patches, width] before the last layer.
 */
export function clipVisionGraph(config: ClipVisionConfig, root = new Scope(visionScope)): Graph {
  const { width, imageSize, patchSize, layers, embeddingWidth } = config;
  const scope = root.child('vision_model');
  const batch = batchDim();
  const pixels = input('pixels', 'f32', [batch, 3, imageSize, imageSize]);
  const patches = scope.parameter('embeddings.patch_embedding.weight', [width, 3, patchSize, patchSize], normal(0.02));
  const cells = imageToTokens(conv2d(pixels, patches, undefined, { stride: patchSize }));
  const own = reshape(scope.parameter('embeddings.class_embedding', [width], normal(width ** -0.5)), [1, 1, width]);
  const count = Math.floor(imageSize / patchSize) ** 2 + 1;
  const places = scope.parameter('embeddings.position_embedding.weight', [count, width], normal(0.02));
  let x = layerNorm(scope.child('pre_layrnorm'), add(concat([expand(own, [batch, 1, width]), cells], 1), places));
  let states = x;
  for (let i = 0; i < layers; i++) {
    states = x;
    x = clipLayer(scope.child(`encoder.layers.${i}`), { ...config, causal: false }, x);
  }
  const token = reshape(sliceAxis(x, 1, 0, 1), [batch, width]);
  const normed = layerNorm(scope.child('post_layernorm'), token);
  const embedding = linear(root.child('visual_projection'), normed, embeddingWidth, { bias: false });
  return closeGraph('vision', { embedding, states });
}

/** Heads and activation by width: ViT-B/32, ViT-L/14, OpenCLIP's ViT-H/14 and ViT-bigG/14. */
const published: Readonly<Record<number, Pick<ClipVisionConfig, 'heads' | 'activation'>>> = {
  768: { heads: 12, activation: 'quickGelu' },
  1024: { heads: 16, activation: 'quickGelu' },
  1280: { heads: 16, activation: 'gelu' },
  1664: { heads: 16, activation: 'gelu' },
};

/** `settings`: the config.json beside it. @throws ModelFileError for a damaged file or another kind */
export function openClipVision(file: TensorFile, settings: Fields | undefined): ClipVisionFile {
  const config = configOf(file, settings);
  const scope = new Scope(visionScope);
  clipVisionGraph(config, scope);
  const { weights, problems } = resolveParameters(visionScope, scope.declared(), sameName, file.tensors, '');
  const fatal = problems.filter((problem) => problem.fatal);
  if (fatal.length > 0) throw new CheckpointError(file.path, fatal);
  return { config, weights: { get: (name) => weights.get(name) } };
}

function configOf({ tensors, path }: TensorFile, settings: Fields | undefined): ClipVisionConfig {
  const patches = tensors.get(telling)?.shape;
  const projection = tensors.get('visual_projection.weight')?.shape;
  const places = tensors.get('vision_model.embeddings.position_embedding.weight')?.shape;
  if (!patches || !projection || !places) {
    throw new ModelFileError('not-a-vision-encoder', 'this is no CLIP vision encoder with its projection', path);
  }
  const [width = 0, , patchSize = 1] = patches;
  const vision = settings?.child('vision_config') ?? settings;
  const heads = vision?.has('num_attention_heads') ? vision.count('num_attention_heads') : published[width]?.heads;
  if (heads === undefined || width % heads !== 0) {
    const message = `a vision encoder ${width} wide does not tell its number of heads; put its config.json beside it`;
    throw new ModelFileError('unknown-heads', message, path);
  }
  return {
    width,
    heads,
    activation: vision?.has('hidden_act')
      ? clipActivation(vision, 'hidden_act')
      : (published[width]?.activation ?? 'gelu'),
    layers: countIndexed(tensors, 'vision_model.encoder.layers.'),
    mlpWidth: tensors.get('vision_model.encoder.layers.0.mlp.fc1.weight')?.shape[0] ?? 4 * width,
    patchSize,
    imageSize: patchSize * Math.round(Math.sqrt(places[0]! - 1)),
    embeddingWidth: projection[0]!,
  };
}
