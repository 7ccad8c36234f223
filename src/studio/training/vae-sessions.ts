/** The autoencoder of a run as two functions on batches of one fixed size. */

import { f32, type HostTensor } from '#core/tensor';
import type { Backend } from '#engine/backend';
import { type VaeConfig, vaeFactor } from '#models/vae/config';
import { vaeDecoderGraph, vaeEncoderGraph } from '#models/vae/network';
import { memoryWeights } from './session-weights.ts';

export interface VaeSessions {
  /** Planes [count, 3, size, size] in [-1, 1] -> posterior means [count, channels, size/f, size/f], unscaled. */
  encode(planes: Float32Array, count: number): Promise<Float32Array>;
  /** Unscaled latents -> planes. */
  decode(latents: Float32Array, count: number): Promise<Float32Array>;
  dispose(): Promise<void>;
}

export async function openVae(
  backend: Backend,
  config: VaeConfig,
  weights: ReadonlyMap<string, HostTensor>,
  size: number,
): Promise<VaeSessions> {
  const cells = size / vaeFactor(config);
  const options = { weights: memoryWeights(weights) };
  const grid = { size: { height: cells, width: cells } };
  const encoder = await backend.compile(vaeEncoderGraph(config, grid), options);
  const decoder = await backend.compile(vaeDecoderGraph(config, grid), options);
  return {
    async encode(planes, count) {
      const { mean } = await encoder.run({ image: f32([count, config.imageChannels, size, size], planes) });
      return mean!.data as Float32Array;
    },
    async decode(latents, count) {
      const { image } = await decoder.run({ latent: f32([count, config.latentChannels, cells, cells], latents) });
      return image!.data as Float32Array;
    },
    async dispose() {
      await encoder.dispose();
      await decoder.dispose();
    },
  };
}
