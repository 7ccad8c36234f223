/** What latent diffusion models share as pipelines use them: a U-Net, an AutoencoderKL, their grid and latent. */

import type { Prediction } from '#diffusion/parameterization';
import type { AutoencoderPart, DenoiserPart, ModelParts, TextEncoderPart } from '../family.ts';
import { gridBindings, gridStep } from '../nn/grid.ts';
import { noiseTableOf, type TrainingSchedule } from '../training-noise.ts';
import type { UNetConfig } from '../unet/config.ts';
import { unetGraph, unetScope } from '../unet/network.ts';
import { klF8, type VaeConfig, vaeFactor } from '../vae/config.ts';
import { vaeDecoderGraph, vaeEncoderGraph, vaeScope } from '../vae/network.ts';

export interface LdmConfig {
  readonly unet: UNetConfig;
  readonly vae: VaeConfig;
  readonly prediction: Exclude<Prediction, 'flow'>;
  readonly schedule: TrainingSchedule;
  /** Side of the latents it was trained on. */
  readonly sampleSize: number;
}

/** What a family adds. */
export interface LdmFamilyParts extends Pick<ModelParts, 'schedules' | 'zeroEmptyNegative'> {
  readonly textEncoders: readonly TextEncoderPart[];
  readonly maxClipSkip: number;
  readonly maxForcedClipSkip?: number | undefined;
  readonly previewFactors?: readonly (readonly number[])[] | undefined;
  readonly tinyNames?: RegExp;
  readonly feeds?: DenoiserPart['feeds'];
  readonly reads?: DenoiserPart['reads'];
}

export function ldmParts(config: LdmConfig, family: LdmFamilyParts): ModelParts {
  const { textEncoders, maxClipSkip, maxForcedClipSkip, previewFactors, tinyNames, feeds, reads, ...facts } = family;
  const factor = vaeFactor(config.vae);
  const side = config.sampleSize * factor;
  return {
    ...facts,
    latent: {
      channels: config.vae.latentChannels,
      scale: config.vae.scalingFactor,
      factor,
      previewFactors,
      tinyNames,
    },
    prediction: config.prediction,
    noiseTable: (options) => noiseTableOf(config.schedule, options),
    limits: {
      defaultSize: { width: side, height: side },
      sizeMultiple: factor,
      gridMultiple: factor * gridStep(config.unet.blockChannels.length),
      maxClipSkip,
      maxForcedClipSkip,
    },
    textEncoders,
    denoiser: { ...denoiser(config, feeds), reads },
    autoencoder: autoencoder(config),
  };
}

function denoiser({ unet, vae }: LdmConfig, feeds: DenoiserPart['feeds']): DenoiserPart {
  const levels = unet.blockChannels.length;
  const step = gridStep(levels);
  return {
    component: unetScope,
    contextWidth: unet.contextWidth,
    inChannels: unet.inChannels,
    extraInput: extraInputOf(unet.inChannels, vae.latentChannels),
    unet,
    feeds,
    graph: (size) => unetGraph(unet, size && { size }),
    bindings: (size) => (size.height % step === 0 && size.width % step === 0 ? gridBindings(levels, size) : undefined),
  };
}

function extraInputOf(inChannels: number, latentChannels: number): DenoiserPart['extraInput'] {
  if (inChannels === 2 * latentChannels + 1) return 'mask-and-masked-latent';
  return inChannels === 2 * latentChannels ? 'picture-latent' : 'none';
}

function autoencoder({ vae }: LdmConfig): AutoencoderPart {
  return {
    component: vaeScope,
    encoderGraph: (size) => vaeEncoderGraph(vae, size && { size }),
    decoderGraph: (size) => vaeDecoderGraph(vae, size && { size }),
  };
}

/** Files of the tiny autoencoder for the latents of SD 1 and SD 2. */
export const klF8TinyNames = /taesd(?!xl|3)/i;

/** Measured on the VAE that SD 1 and SD 2 were published with; says nothing about latents of another. */
const klF8PreviewFactors = [
  [0.298, 0.207, 0.208],
  [0.187, 0.286, 0.173],
  [-0.158, 0.189, 0.264],
  [-0.184, -0.271, -0.473],
] as const;

export function klF8Preview({ latentChannels, blockChannels, scalingFactor }: VaeConfig) {
  const published =
    latentChannels === 4 && blockChannels.join() === klF8.blockChannels.join() && scalingFactor === klF8.scalingFactor;
  return published ? klF8PreviewFactors : undefined;
}
