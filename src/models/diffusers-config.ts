/**
 * Sizes from the config.json files of a diffusers folder.
 *
 * In UNet2DConditionModel's config `attention_head_dim` is the number of heads, as diffusers itself reads it.
 * Fields that change the network in ways not built here are refused by name.
 */

import type { Prediction } from '#diffusion/parameterization';
import type { ClipTextConfig } from './clip/config.ts';
import { type CountRange, type Fields, mostLayers } from './fields.ts';
import type { TrainingSchedule } from './training-noise.ts';
import type { UNetConfig } from './unet/config.ts';
import type { VaeConfig } from './vae/config.ts';

const unsupported: readonly (readonly [string, readonly unknown[]])[] = [
  ['act_fn', ['silu', 'swish']],
  ['class_embed_type', []],
  ['num_class_embeds', []],
  ['encoder_hid_dim', []],
  ['addition_embed_type', ['text_time']],
  ['dual_cross_attention', [false]],
  ['only_cross_attention', [false]],
  ['resnet_time_scale_shift', ['default']],
  ['time_embedding_type', ['positional']],
  ['time_cond_proj_dim', []],
  ['attention_type', ['default']],
  ['mid_block_type', ['UNetMidBlock2DCrossAttn']],
  ['mid_block_scale_factor', [1]],
  ['flip_sin_to_cos', [true]],
  ['freq_shift', [0]],
  ['center_input_sample', [false]],
  ['conv_in_kernel', [3]],
  ['conv_out_kernel', [3]],
  ['norm_eps', [1e-5]],
  ['downsample_padding', [1]],
  ['reverse_transformer_layers_per_block', []],
];

/** One value for every level, from a number or a list. */
function perLevel(fields: Fields, name: string, levels: number, fallback: number, range?: CountRange): number[] {
  const value = fields.raw(name) ?? fallback;
  if (typeof value === 'number') return Array.from({ length: levels }, () => fields.count(name, fallback, range));
  const list = fields.counts(name, range);
  if (list.length !== levels) throw fields.wrong(name, `a number or ${levels} numbers`, value);
  return list;
}

export function unetFromDiffusers(fields: Fields): UNetConfig {
  for (const [name, values] of unsupported) fields.require(name, values);
  const blockChannels = fields.counts('block_out_channels');
  const levels = blockChannels.length;
  const depths = perLevel(fields, 'transformer_layers_per_block', levels, 1, { most: mostLayers });
  const down = fields.strings('down_block_types');
  const up = fields.strings('up_block_types');
  const known = down.every((t) => /^(CrossAttn)?DownBlock2D$/.test(t)) && down.length === levels;
  if (!known) throw fields.wrong('down_block_types', `${levels} of DownBlock2D or CrossAttnDownBlock2D`, down);
  const mirrored = down.map((t) => t.replace('Down', 'Up')).reverse();
  if (up.join() !== mirrored.join()) throw fields.wrong('up_block_types', mirrored.join(', '), up);
  return {
    inChannels: fields.count('in_channels'),
    outChannels: fields.count('out_channels'),
    blockChannels,
    layersPerBlock: evenLayers(fields, levels),
    transformerDepth: down.map((t, i) => (t.startsWith('CrossAttn') ? depths[i]! : 0)),
    midTransformerDepth: depths.at(-1)!,
    heads: perLevel(
      fields,
      fields.has('num_attention_heads') ? 'num_attention_heads' : 'attention_head_dim',
      levels,
      8,
    ),
    contextWidth: fields.count('cross_attention_dim'),
    linearProjection: fields.boolean('use_linear_projection', false),
    normGroups: fields.count('norm_num_groups', 32),
    vectorWidth: fields.has('addition_embed_type') ? fields.count('projection_class_embeddings_input_dim') : undefined,
  };
}

function evenLayers(fields: Fields, levels: number): number {
  const layers = perLevel(fields, 'layers_per_block', levels, 2, { most: mostLayers });
  if (layers.some((n) => n !== layers[0])) throw fields.wrong('layers_per_block', 'the same at every level', layers);
  return layers[0]!;
}

export function vaeFromDiffusers(fields: Fields): VaeConfig {
  fields.require('act_fn', ['silu', 'swish']);
  fields.require('shift_factor', [0]);
  fields.require('latents_mean', []);
  fields.require('latents_std', []);
  const imageChannels = fields.count('in_channels', 3);
  fields.require('out_channels', [imageChannels]);
  return {
    imageChannels,
    latentChannels: fields.count('latent_channels', 4),
    blockChannels: fields.counts('block_out_channels'),
    layersPerBlock: fields.count('layers_per_block', 1, { most: mostLayers }),
    normGroups: fields.count('norm_num_groups', 32),
    midAttention: fields.boolean('mid_block_add_attention', true),
    quantConv: fields.boolean('use_quant_conv', true),
    postQuantConv: fields.boolean('use_post_quant_conv', true),
    scalingFactor: fields.number('scaling_factor', 0.18215),
  };
}

const activations = { quick_gelu: 'quickGelu', gelu: 'gelu' } as const;

/** The activation of a CLIP text encoder by its usual names. */
export function clipActivation(fields: Fields, name: string): ClipTextConfig['activation'] {
  return activations[fields.oneOf(name, ['quick_gelu', 'gelu'], 'quick_gelu')];
}

/** Sizes from transformers' CLIPTextConfig. */
export function clipFromTransformers(fields: Fields): ClipTextConfig {
  const width = fields.count('hidden_size', 512);
  fields.require('layer_norm_eps', [1e-5]);
  return {
    vocabSize: fields.count('vocab_size', 49408),
    positions: fields.count('max_position_embeddings', 77),
    width,
    layers: fields.count('num_hidden_layers', 12, { most: mostLayers }),
    heads: fields.count('num_attention_heads', 8),
    mlpWidth: fields.count('intermediate_size', 2048),
    activation: clipActivation(fields, 'hidden_act'),
  };
}

const betaTables = { scaled_linear: 'scaled-linear', linear: 'linear', squaredcos_cap_v2: 'cosine' } as const;
const predictions = { epsilon: 'eps', v_prediction: 'v', sample: 'x0' } as const;

function inverse<K extends string, V extends string>(names: Readonly<Record<K, V>>): Readonly<Record<V, K>> {
  return Object.fromEntries(Object.entries(names).map(([key, value]) => [value, key])) as Record<V, K>;
}

/** Our names in theirs. */
export const diffusersNames = {
  activation: inverse(activations),
  betaSchedule: inverse(betaTables),
  prediction: inverse(predictions),
} as const;

/** What scheduler_config.json says about how the model was trained. */
export function trainingFromScheduler(fields: Fields): {
  prediction: Exclude<Prediction, 'flow'>;
  schedule: TrainingSchedule;
} {
  const names = ['epsilon', 'v_prediction', 'sample'] as const;
  const tables = ['scaled_linear', 'linear', 'squaredcos_cap_v2'] as const;
  fields.require('trained_betas', []);
  // Schedulers of other noise levels, under which a model was trained: those of EDM, and flow matching.
  const name = fields.string('_class_name', '');
  if (/^(EDM|FlowMatch)/.test(name)) throw fields.wrong('_class_name', 'a scheduler of discrete noise levels', name);
  return {
    prediction: predictions[fields.oneOf('prediction_type', names, 'epsilon')],
    schedule: {
      kind: betaTables[fields.oneOf('beta_schedule', tables, 'scaled_linear')],
      betaStart: fields.number('beta_start', 0.00085),
      betaEnd: fields.number('beta_end', 0.012),
      steps: fields.count('num_train_timesteps', 1000),
      zeroTerminalSnr: fields.boolean('rescale_betas_zero_snr', false) || undefined,
    },
  };
}
