/**
 * The side files of a diffusers folder, from a model's configuration: what diffusers-config.ts reads, written.
 * Source: diffusers 0.40, `register_to_config` of UNet2DConditionModel, AutoencoderKL and DDIMScheduler; transformers'
 * CLIPTextConfig. Tokenizer files are the caller's.
 */

import type { ClipTextConfig } from '../clip/config.ts';
import { diffusersNames } from '../diffusers-config.ts';
import type { UNetConfig } from '../unet/config.ts';
import type { VaeConfig } from '../vae/config.ts';
import type { LdmConfig } from './parts.ts';

type Json = Readonly<Record<string, unknown>>;

/** Encoders that are undefined are left out. `pooledWidth`: of the last encoder's projection. */
export function ldmFolderFiles(
  pipeline: string,
  config: LdmConfig,
  encoders: Readonly<Record<string, ClipTextConfig | undefined>>,
  pooledWidth?: number,
): Readonly<Record<string, Json>> {
  const present = Object.entries(encoders).flatMap(([name, clip]) => (clip ? [[name, clip] as const] : []));
  const texts = present.map(([name, clip], i) => {
    const isProjected = pooledWidth !== undefined && i === present.length - 1;
    return [`${name}/config.json`, textConfig(clip, isProjected ? pooledWidth : undefined)] as const;
  });
  return {
    'model_index.json': modelIndex(pipeline, Object.keys(encoders), present, pooledWidth !== undefined),
    'unet/config.json': unetConfig(config.unet, config.sampleSize),
    'vae/config.json': vaeConfig(config.vae, config.sampleSize),
    'scheduler/scheduler_config.json': schedulerConfig(config),
    ...Object.fromEntries(texts),
  };
}

function modelIndex(
  pipeline: string,
  names: readonly string[],
  present: readonly (readonly [string, ClipTextConfig])[],
  isProjected: boolean,
): Json {
  const encoders = present.map(([name], i) => {
    const last = isProjected && i === present.length - 1;
    return [name, ['transformers', last ? 'CLIPTextModelWithProjection' : 'CLIPTextModel']] as const;
  });
  const absent = names.filter((name) => present.every(([own]) => own !== name));
  const tokenizer = (name: string): string => name.replace('text_encoder', 'tokenizer');
  return {
    _class_name: present.length < names.length ? pipeline.replace('Pipeline', 'Img2ImgPipeline') : pipeline,
    ...Object.fromEntries(encoders),
    ...Object.fromEntries(encoders.map(([name]) => [tokenizer(name), ['transformers', 'CLIPTokenizer']])),
    ...Object.fromEntries(
      absent.flatMap((name) => [
        [name, [null, null]],
        [tokenizer(name), [null, null]],
      ]),
    ),
    ...(names.length === 1 && { safety_checker: [null, null], feature_extractor: [null, null] }),
    scheduler: ['diffusers', 'DDIMScheduler'],
    unet: ['diffusers', 'UNet2DConditionModel'],
    vae: ['diffusers', 'AutoencoderKL'],
  };
}

function unetConfig(unet: UNetConfig, sampleSize: number): Json {
  const down = unet.transformerDepth.map((depth) => (depth > 0 ? 'CrossAttnDownBlock2D' : 'DownBlock2D'));
  return {
    _class_name: 'UNet2DConditionModel',
    act_fn: 'silu',
    attention_head_dim: unet.heads,
    block_out_channels: unet.blockChannels,
    cross_attention_dim: unet.contextWidth,
    down_block_types: down,
    flip_sin_to_cos: true,
    freq_shift: 0,
    in_channels: unet.inChannels,
    layers_per_block: unet.layersPerBlock,
    norm_eps: 1e-5,
    norm_num_groups: unet.normGroups,
    out_channels: unet.outChannels,
    sample_size: sampleSize,
    // The middle has the last level's depth; a level without attention has none to tell.
    transformer_layers_per_block: unet.transformerDepth.map((depth, i) => {
      const isLast = i === unet.transformerDepth.length - 1;
      return isLast ? unet.midTransformerDepth : Math.max(depth, 1);
    }),
    up_block_types: down.map((type) => type.replace('Down', 'Up')).reverse(),
    use_linear_projection: unet.linearProjection,
    ...(unet.vectorWidth !== undefined && {
      addition_embed_type: 'text_time',
      addition_time_embed_dim: 256,
      projection_class_embeddings_input_dim: unet.vectorWidth,
    }),
  };
}

function vaeConfig(vae: VaeConfig, sampleSize: number): Json {
  const levels = vae.blockChannels.length;
  return {
    _class_name: 'AutoencoderKL',
    act_fn: 'silu',
    block_out_channels: vae.blockChannels,
    down_block_types: Array(levels).fill('DownEncoderBlock2D'),
    in_channels: vae.imageChannels,
    latent_channels: vae.latentChannels,
    layers_per_block: vae.layersPerBlock,
    mid_block_add_attention: vae.midAttention,
    norm_num_groups: vae.normGroups,
    out_channels: vae.imageChannels,
    sample_size: sampleSize * 2 ** (levels - 1),
    scaling_factor: vae.scalingFactor,
    up_block_types: Array(levels).fill('UpDecoderBlock2D'),
    use_post_quant_conv: vae.postQuantConv,
    use_quant_conv: vae.quantConv,
  };
}

function textConfig(clip: ClipTextConfig, projection: number | undefined): Json {
  return {
    architectures: [projection === undefined ? 'CLIPTextModel' : 'CLIPTextModelWithProjection'],
    bos_token_id: clip.vocabSize - 2,
    eos_token_id: clip.vocabSize - 1,
    hidden_act: diffusersNames.activation[clip.activation],
    hidden_size: clip.width,
    intermediate_size: clip.mlpWidth,
    layer_norm_eps: 1e-5,
    max_position_embeddings: clip.positions,
    model_type: 'clip_text_model',
    num_attention_heads: clip.heads,
    num_hidden_layers: clip.layers,
    projection_dim: projection ?? clip.width,
    vocab_size: clip.vocabSize,
  };
}

function schedulerConfig({ prediction, schedule }: LdmConfig): Json {
  return {
    _class_name: 'DDIMScheduler',
    beta_end: schedule.betaEnd,
    beta_schedule: diffusersNames.betaSchedule[schedule.kind],
    beta_start: schedule.betaStart,
    clip_sample: false,
    num_train_timesteps: schedule.steps,
    prediction_type: diffusersNames.prediction[prediction],
    rescale_betas_zero_snr: schedule.zeroTerminalSnr ?? false,
    set_alpha_to_one: false,
    steps_offset: 1,
    timestep_spacing: 'leading',
  };
}
