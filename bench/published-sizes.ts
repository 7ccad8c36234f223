/** Sizes of published models that the product finds in files and has no need to know, and the tensors of such files. */

import { clipL } from '#models/clip/config';
import { type SingleFileTensor, singleFileTensors } from '#models/ldm/family';
import { sd15 } from '#models/sd1/config';
import { sd1SingleFile } from '#models/sd1/family';
import type { SdxlConfig } from '#models/sdxl/config';
import { sdxl } from '#models/sdxl/family';
import { stableDiffusionSchedule } from '#models/training-noise';
import { sd1UNet, type UNetConfig } from '#models/unet/config';
import { klF8 } from '#models/vae/config';

/** Stable Diffusion XL's base (Podell et al. 2023, table 1). */
export const sdxlUNet: UNetConfig = {
  ...sd1UNet,
  blockChannels: [320, 640, 1280],
  transformerDepth: [0, 2, 10],
  midTransformerDepth: 10,
  heads: [5, 10, 20],
  contextWidth: 2048,
  linearProjection: true,
  vectorWidth: 2816,
};

const sdxlBase: SdxlConfig = {
  unet: sdxlUNet,
  vae: { ...klF8, scalingFactor: 0.13025 },
  firstText: clipL,
  secondText: {
    vocabSize: 49408,
    positions: 77,
    width: 1280,
    layers: 32,
    heads: 20,
    mlpWidth: 5120,
    activation: 'gelu',
  },
  pooledWidth: 1280,
  prediction: 'eps',
  schedule: stableDiffusionSchedule,
  sampleSize: 128,
};

export type PublishedModel = 'sd15' | 'sdxl';

/** Every tensor of a single file in the original layout. */
export const tensorsOf = {
  sd15: () => sd1SingleFile(sd15),
  sdxl: () => stacked(singleFileTensors(sdxl.parameters(sdxlBase), sdxl.singleFile!(sdxlBase))),
} satisfies Record<PublishedModel, unknown>;

/** OpenCLIP keeps queries, keys and values in one tensor. */
function stacked(tensors: readonly SingleFileTensor[]): SingleFileTensor[] {
  const found = new Map<string, SingleFileTensor>();
  for (const tensor of tensors) {
    const [rows = 0] = found.get(tensor.name)?.shape ?? [];
    found.set(tensor.name, { ...tensor, shape: [rows + tensor.shape[0]!, ...tensor.shape.slice(1)] });
  }
  return [...found.values()];
}
