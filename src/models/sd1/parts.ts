/** SD 1's parts as pipelines use them. */

import { clipTextGraph, textEncoderScope } from '../clip/network.ts';
import { clipTokenizer } from '../clip/tokenizer.ts';
import type { AutoencoderPart, DenoiserPart, ModelParts, TextEncoderPart } from '../family.ts';
import { gridBindings, gridStep } from '../nn/grid.ts';
import { noiseTableOf } from '../training-noise.ts';
import { unetGraph, unetScope } from '../unet/network.ts';
import { klF8, type VaeConfig, vaeFactor } from '../vae/config.ts';
import { vaeDecoderGraph, vaeEncoderGraph, vaeScope } from '../vae/network.ts';
import type { Sd1Config } from './config.ts';

export function sd1Parts(config: Sd1Config): ModelParts {
  const factor = vaeFactor(config.vae);
  const side = config.sampleSize * factor;
  return {
    latent: {
      channels: config.vae.latentChannels,
      scale: config.vae.scalingFactor,
      factor,
      ...(isPublishedVae(config.vae) && { previewFactors }),
    },
    prediction: config.prediction,
    noiseTable: (zeroTerminal) => noiseTableOf(config.schedule, zeroTerminal),
    limits: {
      defaultSize: { width: side, height: side },
      sizeMultiple: factor,
      gridMultiple: factor * gridStep(config.unet.blockChannels.length),
      maxClipSkip: config.textEncoder.layers,
    },
    textEncoders: [textEncoder(config)],
    denoiser: denoiser(config),
    autoencoder: autoencoder(config),
  };
}

/** Measured on SD 1's published VAE; says nothing about latents of another. */
const previewFactors = [
  [0.298, 0.207, 0.208],
  [0.187, 0.286, 0.173],
  [-0.158, 0.189, 0.264],
  [-0.184, -0.271, -0.473],
] as const;

function isPublishedVae({ latentChannels, blockChannels, scalingFactor }: VaeConfig): boolean {
  return latentChannels === 4 && blockChannels.join() === klF8.blockChannels.join() && scalingFactor === 0.18215;
}

/** The last id of the vocabulary ends a text; it also pads. */
function textEncoder({ textEncoder: clip }: Sd1Config): TextEncoderPart {
  return {
    component: textEncoderScope,
    positions: clip.positions,
    width: clip.width,
    padId: clip.vocabSize - 1,
    tokenizer: clipTokenizer,
    graph: (options) => clipTextGraph(clip, options),
  };
}

function denoiser({ unet, vae }: Sd1Config): DenoiserPart {
  const levels = unet.blockChannels.length;
  const step = gridStep(levels);
  return {
    component: unetScope,
    contextWidth: unet.contextWidth,
    inChannels: unet.inChannels,
    extraInput: unet.inChannels === 2 * vae.latentChannels + 1 ? 'mask-and-masked-latent' : 'none',
    graph: (size) => unetGraph(unet, size && { size }),
    bindings: (size) => (size.height % step === 0 && size.width % step === 0 ? gridBindings(levels, size) : undefined),
  };
}

function autoencoder({ vae }: Sd1Config): AutoencoderPart {
  return {
    component: vaeScope,
    encoderGraph: (size) => vaeEncoderGraph(vae, size && { size }),
    decoderGraph: (size) => vaeDecoderGraph(vae, size && { size }),
  };
}
