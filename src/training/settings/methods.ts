/** Settings of each method: the shared ones, and what the method has of its own. */

import { z } from 'zod';
import { scratchSchema, vaeSchema } from './own-models.ts';
import { activationNames, count, initialisations, networkFields, share, sharedSettings } from './shared.ts';

const rank = z.int().min(1).max(1024);

const trainsParts = {
  network_train_unet_only: z.boolean().default(false).describe('Leave the text encoders alone.'),
  network_train_text_encoder_only: z.boolean().default(false).describe('Leave the denoiser alone.'),
};

const loraFields = networkFields({
  network_dim: rank.default(16).describe('Rank of linear layers.'),
  network_alpha: z.number().positive().default(16).describe('Strength is alpha over rank.'),
  network_algo: z.enum(['lora', 'loha', 'lokr']).default('lora').describe('Form of the change.'),
  conv_dim: rank.optional().describe('Rank of 3x3 convolutions; default none.'),
  conv_alpha: z.number().positive().default(1).describe('As network_alpha, for convolutions.'),
  dora_wd: z.boolean().default(false).describe('Train lengths of the weights apart from their directions (DoRA).'),
  dora_axis: z
    .enum(['in', 'out'])
    .default('in')
    .describe('Lengths of inputs (A1111, ComfyUI) or of outputs (LyCORIS, PEFT, ComfyUI).'),
  factor: z.int().min(-1).default(-1).describe('Largest factor of LoKr; -1 the nearest to a square.'),
  network_dropout: share.lt(1).default(0).describe('Share of what passes the rank that is dropped.'),
  rank_dropout: share.lt(1).default(0).describe('Share of ranks dropped.'),
  module_dropout: share.lt(1).default(0).describe('Share of adapters dropped.'),
  block_dims: z
    .array(z.int().min(0).max(1024))
    .optional()
    .describe('Rank of each block, 25 for SD 1: down, middle, up; 0 none.'),
  block_alphas: z.array(z.number().min(0)).optional().describe('Alpha of each block.'),
  ...trainsParts,
});

/** The learning rate that a method begins with. */
const rate = (usual: number) => ({
  learning_rate: sharedSettings.learning_rate
    .unwrap()
    .default(usual)
    .describe('Learning rate.')
    .meta({ group: 'learning' }),
});

/** What shows on ten pictures in a few hundred steps, also with guidance, which needs some captions left empty. */
const shows = (usual: number) => ({
  ...rate(usual),
  lr_scheduler: sharedSettings.lr_scheduler
    .unwrap()
    .default('cosine')
    .describe('How the rate changes.')
    .meta({ group: 'learning' }),
  caption_dropout_rate: sharedSettings.caption_dropout_rate
    .unwrap()
    .default(0.1)
    .describe('Share of captions left empty, for guidance.')
    .meta({ group: 'captions' }),
});

const classFields = networkFields({
  reg_data_dir: z.string().optional().describe('Folder of pictures of the class, which must not change.'),
  class_prompt: z
    .string()
    .optional()
    .describe('What the class is called; missing pictures of it are drawn before the training.'),
  num_class_images: count.max(10_000).default(0).describe('Pictures of the class that are to be there.'),
});

export const methodSchemas = {
  lora: z.strictObject({ task: z.literal('lora'), ...sharedSettings, ...shows(5e-4), ...loraFields, ...classFields }),
  ti: z.strictObject({
    task: z.literal('ti'),
    ...sharedSettings,
    ...rate(5e-3),
    ...networkFields({
      token_string: z
        .string()
        .regex(/^\S{1,60}$/, 'must be one word')
        .optional()
        .describe('Word for it; default the name of the result.'),
      init_word: z.string().min(1).default('*').describe('Words whose vectors it starts from.'),
      num_vectors_per_token: z
        .int()
        .min(1)
        .max(75)
        .default(1)
        .describe('Vectors, each of which takes a token’s place.'),
    }),
  }),
  hypernet: z.strictObject({
    task: z.literal('hypernet'),
    ...sharedSettings,
    // A1111's 1e-5 is meant for thousands of steps: in 400 it changes next to nothing.
    ...shows(3e-4),
    ...networkFields({
      layer_structure: z
        .array(z.number().positive().max(16))
        .min(2)
        .default([1, 2, 1])
        .refine((s) => s[0] === 1 && s.at(-1) === 1, { error: 'must begin and end with 1' })
        .describe('Widths of the layers, as multiples: 1 2 1.'),
      activation_func: z.enum(activationNames).default('linear').describe('Between the layers.'),
      weight_init: z.enum(initialisations).default('Normal').describe('First values.'),
      add_layer_norm: z.boolean().default(false).describe('Normalise behind each layer.'),
      activate_output: z.boolean().default(false).describe('Also behind the last layer.'),
      dropout_structure: z
        .array(share.lt(1))
        .optional()
        .describe('Share dropped behind each layer, one number an entry of layer_structure.'),
      enable_sizes: z
        .array(z.int().positive())
        .optional()
        .describe('Widths that get networks; default all that the model has.'),
    }),
  }),
  dreambooth: z.strictObject({
    task: z.literal('dreambooth'),
    ...sharedSettings,
    ...rate(2e-6),
    ...classFields,
    ...networkFields({ train_text_encoder: z.boolean().default(true).describe('The text encoders learn as well.') }),
  }),
  finetune: z.strictObject({
    task: z.literal('finetune'),
    ...sharedSettings,
    ...rate(2e-6),
    ...networkFields({ train_text_encoder: z.boolean().default(false).describe('The text encoders learn as well.') }),
  }),
} as const;

/** Everything that can be trained by flags, a request or a form. */
export const trainingSchemas = { ...methodSchemas, vae: vaeSchema, scratch: scratchSchema } as const;
export type TrainingName = keyof typeof trainingSchemas;

/** Methods on a latent diffusion model that is there. */
export type MethodName = keyof typeof methodSchemas;
export type MethodSettings<N extends MethodName = MethodName> = { [K in N]: z.output<(typeof methodSchemas)[K]> }[N];
export type SharedSettings = Omit<MethodSettings<'finetune'>, 'task' | 'train_text_encoder'>;

export const trainingNames = Object.keys(trainingSchemas) as TrainingName[];
