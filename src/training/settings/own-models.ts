/** Settings of trainings that shape a model of their own: an autoencoder that goes on learning, a model from nothing. */

import { z } from 'zod';
import { count, networkFields, settingsByGroup } from './shared.ts';

/** Some of the fields. */
function picked<S extends object, K extends keyof S>(fields: S, ...names: K[]): Pick<S, K> {
  return Object.fromEntries(names.map((name) => [name, fields[name]])) as Pick<S, K>;
}

const { unet_lr: _unet, text_encoder_lr: _text, ...withoutRates } = settingsByGroup.learning;
const { model, data, captions, length, learning, loss, noise, watch } = settingsByGroup;

export const vaeSchema = z.strictObject({
  task: z.literal('vae'),
  ...model,
  ...picked(data, 'train_data_dir', 'resolution', 'validation_split'),
  ...length,
  ...withoutRates,
  learning_rate: learning.learning_rate.unwrap().default(1e-5).describe('Learning rate.').meta({ group: 'learning' }),
  ...picked(watch, 'sample_every_n_steps', 'validate_every_n_steps', 'effect_report'),
  ...networkFields({
    train_encoder: z
      .boolean()
      .default(false)
      .describe('The encoder learns as well; models then no longer know the latents that it makes.'),
    crop: z.int().min(16).max(1024).default(64).describe('Side of the pieces of pictures that a step sees.'),
    kl_weight: z.number().min(0).max(1).default(1e-6).describe('Weight of the distance from a normal distribution.'),
    edge_weight: z.number().min(0).max(10).default(0.5).describe('Weight of edges beside colours.'),
  }),
});

export const scratchSchema = z.strictObject({
  task: z.literal('scratch'),
  ...picked(model, 'output_name', 'save_precision', 'training_comment', 'backend', 'threads'),
  ...picked(data, 'train_data_dir', 'resolution', 'flip_aug', 'random_crop', 'cache_latents_to_disk'),
  ...picked(data, 'latent_sampling', 'validation_split'),
  ...picked(captions, 'caption_extension', 'caption_prefix', 'caption_suffix', 'caption_separator'),
  ...picked(captions, 'shuffle_caption', 'keep_tokens', 'caption_tag_dropout_rate'),
  caption_dropout_rate: captions.caption_dropout_rate
    .unwrap()
    .default(0.1)
    .describe('Share of captions left empty, for guidance.')
    .meta({ group: 'captions' }),
  ...length,
  ...learning,
  max_train_steps: length.max_train_steps.unwrap().default(4000).describe('Steps.').meta({ group: 'length' }),
  train_batch_size: length.train_batch_size
    .unwrap()
    .default(8)
    .describe('Pictures of a step.')
    .meta({ group: 'length' }),
  learning_rate: learning.learning_rate.unwrap().default(4e-4).describe('Learning rate.').meta({ group: 'learning' }),
  ...picked(loss, 'loss_type', 'huber_schedule', 'huber_c', 'min_snr_gamma', 'debiased_estimation_loss'),
  ...picked(loss, 'v_parameterization', 'zero_terminal_snr'),
  ...noise,
  ...picked(watch, 'sample_prompts', 'sample_every_n_steps', 'validate_every_n_steps', 'effect_report'),
  ...networkFields({
    kind: z
      .enum(['pixel', 'class', 'latent'])
      .default('pixel')
      .describe('Pixels without words; pixels by class, which folders name; text to picture on latents of an own VAE.'),
    model_channels: z
      .int()
      .min(8)
      .max(640)
      .multipleOf(8)
      .default(64)
      .describe('Channels of the first level of the U-Net.'),
    layers_per_block: z.int().min(1).max(4).default(1).describe('Residual blocks of a level.'),
    vae_train_steps: count.default(2000).describe('latent: steps of the autoencoder, before all others.'),
    vae_learning_rate: z.number().positive().max(1).default(1e-3).describe('latent: learning rate of the autoencoder.'),
    text_encoder: z
      .string()
      .default('darkroom-mini')
      .describe('latent: model whose text encoder is begun with (it learns on), or none.'),
  }),
});

export type VaeSettings = z.output<typeof vaeSchema>;
export type ScratchSettings = z.output<typeof scratchSchema>;
