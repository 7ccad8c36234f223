/**
 * The configuration of an SD 1 model, and where it comes from: a diffusers folder, a single file's shapes with the
 * .yaml beside it, or the config that Darkroom's trainer writes into the metadata.
 */

import { type ClipTextConfig, clipL } from '../clip/config.ts';
import { inferClip } from '../clip/infer.ts';
import {
  clipActivation,
  clipFromTransformers,
  trainingFromScheduler,
  unetFromDiffusers,
  vaeFromDiffusers,
} from '../diffusers-config.ts';
import type { FolderConfigs, SingleFileHints } from '../family.ts';
import type { Fields } from '../fields.ts';
import { checkLatents, velocityKey, zeroTerminalKey } from '../ldm/family.ts';
import type { LdmConfig } from '../ldm/parts.ts';
import type { TensorTable } from '../tensor-table.ts';
import { stableDiffusionSchedule } from '../training-noise.ts';
import { sd1UNet } from '../unet/config.ts';
import { inferUNet } from '../unet/infer.ts';
import { klF8 } from '../vae/config.ts';
import { inferVae } from '../vae/infer.ts';
import { readEmbedded } from './embedded.ts';

export interface Sd1Config extends LdmConfig {
  readonly textEncoder: ClipTextConfig;
}

/** Stable Diffusion 1.5. */
export const sd15: Sd1Config = {
  unet: sd1UNet,
  vae: klF8,
  textEncoder: clipL,
  prediction: 'eps',
  schedule: stableDiffusionSchedule,
  sampleSize: 64,
};

const predictions = ['eps', 'v', 'x0'] as const;

/** From a folder's config.json files; components that it lacks get SD 1's sizes. */
export function sd1FromFolder(configs: FolderConfigs): Sd1Config {
  const [unet, vae, text] = ['unet', 'vae', 'text_encoder'].map((c) => configs.get(c));
  const scheduler = configs.get('scheduler');
  return {
    unet: unet ? unetFromDiffusers(unet) : sd1UNet,
    vae: vae ? vaeFromDiffusers(vae) : klF8,
    textEncoder: text ? clipFromTransformers(text) : clipL,
    ...(scheduler ? trainingFromScheduler(scheduler) : { prediction: 'eps', schedule: stableDiffusionSchedule }),
    sampleSize: unet?.count('sample_size', 64) ?? 64,
  };
}

/** From the tensors of a single file; what shapes do not tell comes from the hints, else is SD 1's. */
export function sd1FromTensors(components: ReadonlyMap<string, TensorTable>, hints: SingleFileHints): Sd1Config {
  const { tensors, yaml, embedded } = hints;
  if (embedded) return readEmbedded(embedded);
  const params = yaml?.child('model')?.child('params');
  const unet = components.get('unet');
  const vae = components.get('vae');
  const text = components.get('text_encoder');
  const unetParams = params?.child('unet_config')?.child('params');
  const textParams = params?.child('cond_stage_config')?.child('params')?.child('text_config');
  const network = unet ? inferUNet(unet, headRule(unetParams)) : sd1UNet;
  checkLatents(network, hints);
  return {
    unet: network,
    vae: vae ? inferVae(vae, params?.number('scale_factor', klF8.scalingFactor) ?? klF8.scalingFactor) : klF8,
    textEncoder: text
      ? inferClip(text, {
          heads: textParams?.count('heads'),
          activation: textParams && clipActivation(textParams, 'act'),
        })
      : clipL,
    prediction: tensors.has(velocityKey) ? 'v' : (params?.oneOf('parameterization', predictions, 'eps') ?? 'eps'),
    schedule: {
      ...stableDiffusionSchedule,
      betaStart: params?.number('linear_start', stableDiffusionSchedule.betaStart) ?? stableDiffusionSchedule.betaStart,
      betaEnd: params?.number('linear_end', stableDiffusionSchedule.betaEnd) ?? stableDiffusionSchedule.betaEnd,
      steps: params?.count('timesteps', stableDiffusionSchedule.steps) ?? stableDiffusionSchedule.steps,
      zeroTerminalSnr: tensors.has(zeroTerminalKey) || undefined,
    },
    sampleSize: params?.count('image_size', 64) ?? 64,
  };
}

function headRule(unetParams: Fields | undefined): { heads?: number; headWidth?: number } {
  const headWidth = unetParams?.number('num_head_channels', -1) ?? -1;
  return headWidth > 0 ? { headWidth } : { heads: unetParams?.count('num_heads', 8) ?? 8 };
}
