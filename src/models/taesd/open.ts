/** Tiny autoencoders in files: diffusers' with both halves, ComfyUI's, and the original ones of one half each. */

import type { WeightSource } from '#engine/backend';
import type { Graph } from '#graph/value';
import { ModelFileError } from '../model-error.ts';
import type { ImageSize } from '../nn/grid.ts';
import { Scope } from '../nn/scope.ts';
import { resolveParameters } from '../resolve.ts';
import { type ModelFiles, openTensorFile } from '../tensor-file.ts';
import { below, countIndexed, type TensorTable } from '../tensor-table.ts';
import { type TaesdConfig, type TaesdHalf, type TaesdLayer, taesdFactor, taesdGraph, taesdScope } from './network.ts';

export interface OpenedTaesdHalf {
  readonly factor: number;
  readonly latentChannels: number;
  readonly weights: WeightSource;
  /** `image` -> `mean` of an encoder, `latent` -> `image` of a decoder; `size`: of the latent. */
  graph(size?: ImageSize): Graph;
}

export type OpenedTaesd = Readonly<Partial<Record<TaesdHalf, OpenedTaesdHalf>>>;

const prefixes: Readonly<Record<TaesdHalf, readonly string[]>> = {
  encoder: ['encoder.layers.', 'taesd_encoder.', 'encoder.', ''],
  decoder: ['decoder.layers.', 'taesd_decoder.', 'decoder.', ''],
};

/** @throws ModelFileError for a file without a whole half */
export async function openTaesd(files: ModelFiles, path: string): Promise<OpenedTaesd> {
  const { tensors } = await openTensorFile(files, path);
  const open = (half: TaesdHalf): OpenedTaesdHalf | undefined => {
    for (const prefix of prefixes[half]) {
      const own = below(tensors, prefix);
      const config = configOf(half, own);
      if (config) return opened(config, own, path, prefix);
    }
    return undefined;
  };
  const [encoder, decoder] = [open('encoder'), open('decoder')];
  if (encoder || decoder) return { encoder, decoder };
  throw new ModelFileError(
    'not-a-tiny-autoencoder',
    'its tensors are neither half of a tiny autoencoder (TAESD)',
    path,
  );
}

function opened(
  config: TaesdConfig,
  tensors: Parameters<typeof resolveParameters>[3],
  path: string,
  prefix: string,
): OpenedTaesdHalf {
  const scope = new Scope(taesdScope);
  taesdGraph(config, { scope });
  const stored = (parameter: string) => [{ name: parameter.slice(config.half.length + 1) }];
  const { weights, problems } = resolveParameters(taesdScope, scope.declared(), stored, tensors, prefix);
  if (problems[0]) throw new ModelFileError('misfit', problems[0].message, path);
  return {
    factor: taesdFactor(config),
    latentChannels: config.latentChannels,
    weights: { get: (name) => weights.get(name) },
    graph: (size) => taesdGraph(config, { size }),
  };
}

/** The chain that the numbers and shapes tell; undefined where they are not that half's. */
function configOf(half: TaesdHalf, tensors: TensorTable): TaesdConfig | undefined {
  const layers: TaesdLayer[] = [];
  for (let number = 0; number < countIndexed(tensors, ''); number++) {
    const layer = layerOf(tensors, number);
    if (layer) layers.push(layer);
  }
  const [first, last] = [layers[0], layers.at(-1)];
  if (layers.length < 3 || first?.kind !== 'conv' || last?.kind !== 'conv') return undefined;
  const channels = tensors.get(`${first.number}.weight`)!.shape[1]!;
  const [pixels, latents] = half === 'encoder' ? [channels, last.out] : [last.out, channels];
  return pixels === 3 && latents !== 3 ? { half, layers, latentChannels: latents } : undefined;
}

function layerOf(tensors: TensorTable, number: number): TaesdLayer | undefined {
  const inner = tensors.get(`${number}.conv.4.weight`);
  if (inner) return { number, kind: 'block', out: inner.shape[0]!, hasSkip: tensors.has(`${number}.skip.weight`) };
  const own = tensors.get(`${number}.weight`);
  if (own?.shape.length !== 4) return undefined;
  return { number, kind: tensors.has(`${number}.bias`) ? 'conv' : 'resize', out: own.shape[0]! };
}
