/**
 * The configuration of an SDXL model, base or refiner: from a diffusers folder, or from a single file's shapes with the
 * .yaml (generative-models' form) beside it.
 */

import { type ClipTextConfig, clipL } from '../clip/config.ts';
import { inferClip } from '../clip/infer.ts';
import { inferOpenClip, isOpenClip } from '../clip/open-clip.ts';
import {
  clipFromTransformers,
  trainingFromScheduler,
  unetFromDiffusers,
  vaeFromDiffusers,
} from '../diffusers-config.ts';
import type { FolderConfigs, SingleFileHints } from '../family.ts';
import { Fields } from '../fields.ts';
import { checkLatents, velocityKey, zeroTerminalKey } from '../ldm/family.ts';
import type { LdmConfig } from '../ldm/parts.ts';
import type { TensorTable } from '../tensor-table.ts';
import { stableDiffusionSchedule } from '../training-noise.ts';
import { sdxlUNet } from '../unet/config.ts';
import { inferUNet } from '../unet/infer.ts';
import { klF8, type VaeConfig } from '../vae/config.ts';
import { inferVae } from '../vae/infer.ts';

/** CLIP ViT-L/14 first, then OpenCLIP's. */
export const firstText = 'text_encoder';
export const secondText = 'text_encoder_2';

export interface SdxlConfig extends LdmConfig {
  /** CLIP ViT-L/14's; the refiner has none. */
  readonly firstText: ClipTextConfig | undefined;
  readonly secondText: ClipTextConfig;
  readonly pooledWidth: number;
}

const headWidth = 64;
const sdxlVae: VaeConfig = { ...klF8, scalingFactor: 0.13025 };

const openClipBigG: ClipTextConfig = {
  vocabSize: 49408,
  positions: 77,
  width: 1280,
  layers: 32,
  heads: 20,
  mlpWidth: 5120,
  activation: 'gelu',
};

/** SDXL 1.0's base. */
export const publishedBase: SdxlConfig = {
  unet: sdxlUNet,
  vae: sdxlVae,
  firstText: clipL,
  secondText: openClipBigG,
  pooledWidth: openClipBigG.width,
  prediction: 'eps',
  schedule: stableDiffusionSchedule,
  sampleSize: 128,
};

/** SDXL 1.0's refiner. */
export const publishedRefiner: SdxlConfig = {
  ...publishedBase,
  unet: {
    ...sdxlUNet,
    blockChannels: [384, 768, 1536, 1536],
    transformerDepth: [0, 4, 4, 0],
    midTransformerDepth: 4,
    heads: [6, 12, 24, 24],
    contextWidth: openClipBigG.width,
    vectorWidth: 2560,
  },
  firstText: undefined,
};

export function sdxlFromFolder(configs: FolderConfigs): SdxlConfig {
  const [vae, first, second, scheduler] = ['vae', firstText, secondText, 'scheduler'].map((c) => configs.get(c));
  const unet = configs.get('unet')!;
  const network = unetFromDiffusers(unet);
  const secondConfig = second ? clipFromTransformers(second) : openClipBigG;
  // What of the context the second encoder does not fill is the first one's.
  const hasFirst = first !== undefined || network.contextWidth > secondConfig.width;
  return {
    unet: network,
    vae: vae ? vaeFromDiffusers(vae) : sdxlVae,
    firstText: hasFirst ? (first ? clipFromTransformers(first) : clipL) : undefined,
    secondText: secondConfig,
    pooledWidth: second?.count('projection_dim', secondConfig.width) ?? secondConfig.width,
    ...(scheduler
      ? trainingFromScheduler(scheduler)
      : { prediction: 'eps' as const, schedule: stableDiffusionSchedule }),
    sampleSize: unet.count('sample_size', 128),
  };
}

export function sdxlFromTensors(components: ReadonlyMap<string, TensorTable>, hints: SingleFileHints): SdxlConfig {
  const { tensors, yaml } = hints;
  const params = yaml?.child('model')?.child('params');
  const network = params?.child('network_config')?.child('params');
  const texts = textSizes(params);
  const [vae, first, second] = ['vae', firstText, secondText].map((name) => components.get(name));
  const unet = inferUNet(components.get('unet')!, {
    headWidth: network?.count('num_head_channels', headWidth) ?? headWidth,
  });
  checkLatents(unet, hints);
  const secondConfig = second ? secondSizes(second, texts) : openClipBigG;
  const hasFirst = first !== undefined || unet.contextWidth > secondConfig.width;
  const velocity = tensors.has(velocityKey) || scalingOf(params).includes('VScaling');
  return {
    unet,
    vae: vae ? inferVae(vae, params?.number('scale_factor', sdxlVae.scalingFactor) ?? sdxlVae.scalingFactor) : sdxlVae,
    firstText: hasFirst ? (first ? inferClip(first, { heads: texts[0]?.count('heads') }) : clipL) : undefined,
    secondText: secondConfig,
    pooledWidth:
      second?.get('text_projection')?.shape[1] ?? second?.get('text_projection.weight')?.shape[0] ?? secondConfig.width,
    prediction: velocity ? 'v' : 'eps',
    schedule: { ...stableDiffusionSchedule, zeroTerminalSnr: tensors.has(zeroTerminalKey) || undefined },
    sampleSize: network?.count('image_size', 128) ?? 128,
  };
}

function secondSizes(tensors: TensorTable, texts: readonly (Fields | undefined)[]): ClipTextConfig {
  const heads = texts.at(-1)?.count('heads');
  return isOpenClip(tensors) ? inferOpenClip(tensors, { heads }) : inferClip(tensors, { heads, activation: 'gelu' });
}

/** Sizes of the text encoders in the order of the .yaml's conditioner. */
function textSizes(params: Fields | undefined): readonly (Fields | undefined)[] {
  const list = params?.child('conditioner_config')?.child('params')?.raw('emb_models');
  if (!Array.isArray(list)) return [];
  const models = list.map((model) => new Fields(model, 'emb_models').child('params')?.child('text_config'));
  return models.filter((sizes) => sizes !== undefined);
}

function scalingOf(params: Fields | undefined): string {
  const denoiser = params?.child('denoiser_config')?.child('params');
  return denoiser?.child('scaling_config')?.string('target', '') ?? '';
}
