/**
 * The configuration of an SD 2 model: from a diffusers folder, or from a single file's shapes with the .yaml beside it.
 *
 * Whether it predicts the noise or the velocity no shape tells. Without a .yaml a key or the statistics of one bias
 * decide: in velocity models the last cross-attention block's norm is much wider (ComfyUI's rule, model_detection.py).
 */

import type { ClipTextConfig } from '../clip/config.ts';
import { inferOpenClip } from '../clip/open-clip.ts';
import {
  clipFromTransformers,
  trainingFromScheduler,
  unetFromDiffusers,
  vaeFromDiffusers,
} from '../diffusers-config.ts';
import type { FolderConfigs, SingleFileHints } from '../family.ts';
import { checkLatents, velocityKey, zeroTerminalKey } from '../ldm/family.ts';
import type { LdmConfig } from '../ldm/parts.ts';
import type { TensorTable } from '../tensor-table.ts';
import { stableDiffusionSchedule } from '../training-noise.ts';
import { inferUNet } from '../unet/infer.ts';
import { klF8 } from '../vae/config.ts';
import { inferVae } from '../vae/infer.ts';

export interface Sd2Config extends LdmConfig {
  /** Layers that are run: the file's last one is not. */
  readonly textEncoder: ClipTextConfig;
}

/** Channels of an attention head. */
const headWidth = 64;
/** Below it a model predicts the noise. */
const widestNoiseBias = 0.09;
export const tellingBias = 'model.diffusion_model.output_blocks.11.1.transformer_blocks.0.norm3.bias';

const openClipH: ClipTextConfig = {
  vocabSize: 49408,
  positions: 77,
  width: 1024,
  layers: 23,
  heads: 16,
  mlpWidth: 4096,
  activation: 'gelu',
};

export function sd2FromFolder(configs: FolderConfigs): Sd2Config {
  const [vae, text, scheduler] = ['vae', 'text_encoder', 'scheduler'].map((c) => configs.get(c));
  const unet = configs.get('unet')!;
  return {
    unet: unetFromDiffusers(unet),
    vae: vae ? vaeFromDiffusers(vae) : klF8,
    // A folder's encoder ends before the layer that is not run.
    textEncoder: text ? clipFromTransformers(text) : openClipH,
    ...(scheduler
      ? trainingFromScheduler(scheduler)
      : { prediction: 'eps' as const, schedule: stableDiffusionSchedule }),
    sampleSize: unet.count('sample_size', 64),
  };
}

export function sd2FromTensors(components: ReadonlyMap<string, TensorTable>, hints: SingleFileHints): Sd2Config {
  const { tensors, yaml, values } = hints;
  const params = yaml?.child('model')?.child('params');
  const unetParams = params?.child('unet_config')?.child('params');
  const textParams = params?.child('cond_stage_config')?.child('params')?.child('text_config');
  const vae = components.get('vae');
  const text = components.get('text_encoder');
  const whole = text && inferOpenClip(text, { heads: textParams?.count('heads') });
  const velocity = tensors.has(velocityKey) || deviation(values.get(tellingBias)) > widestNoiseBias;
  const prediction =
    params?.oneOf('parameterization', ['eps', 'v'], velocity ? 'v' : 'eps') ?? (velocity ? 'v' : 'eps');
  const unet = inferUNet(components.get('unet')!, {
    headWidth: unetParams?.count('num_head_channels', headWidth) ?? headWidth,
  });
  checkLatents(unet, hints);
  return {
    unet,
    vae: vae ? inferVae(vae, params?.number('scale_factor', klF8.scalingFactor) ?? klF8.scalingFactor) : klF8,
    textEncoder: whole ? { ...whole, layers: whole.layers - 1 } : openClipH,
    prediction,
    schedule: { ...stableDiffusionSchedule, zeroTerminalSnr: tensors.has(zeroTerminalKey) || undefined },
    sampleSize: params?.count('image_size', 64) ?? (prediction === 'v' ? 96 : 64),
  };
}

/** Standard deviation; 0 of nothing. */
function deviation(values: Float32Array | undefined): number {
  if (!values || values.length === 0) return 0;
  const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
  return Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length);
}
