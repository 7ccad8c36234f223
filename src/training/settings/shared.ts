/**
 * Settings that every method on a latent diffusion model shares, under the names of kohya's sd-scripts. One schema gives
 * flags, the body of a request and the page's form; no code of the trainer is loaded for it.
 *
 * Left out of what kohya knows: what belongs to CUDA (xformers, 8-bit optimisers, memory offloading), Weights & Biases.
 */

import { z } from 'zod';
import { scheduleNames } from '../learning-rate.ts';
import { activationNames, initialisations } from './hypernetwork-names.ts';

const share = z.number().min(0).max(1);
const count = z.int().min(0);
const side = z.int().min(16).max(4096);

/** Headings of the settings, in the order in which they are shown. */
export const settingGroups = [
  'model',
  'data',
  'captions',
  'length',
  'learning',
  'loss',
  'noise',
  'watch',
  'network',
] as const;
type Group = (typeof settingGroups)[number];

const grouped = <S extends Record<string, z.ZodType>>(group: Group, shape: S): S =>
  Object.fromEntries(Object.entries(shape).map(([name, field]) => [name, field.meta({ group })])) as S;

const model = grouped('model', {
  pretrained_model_name_or_path: z
    .string()
    .min(1)
    .default('darkroom-mini')
    .describe('Model that is trained on: name or path.'),
  vae: z.string().optional().describe('VAE to use instead of the model’s own.'),
  output_name: z
    .string()
    .regex(/^[\w .()+-]{1,80}$/, 'must be a plain file name, without folders')
    .describe('Name of the result.'),
  save_precision: z.enum(['float', 'fp16']).default('fp16').describe('Precision of the result’s file.'),
  training_comment: z.string().max(1000).optional().describe('Written into the result.'),
  backend: z.enum(['cpu', 'webgpu']).default('cpu').describe('What to compute on.'),
  threads: z.int().positive().optional().describe('CPU threads; default one for each core.'),
});

const data = grouped('data', {
  train_data_dir: z.string().min(1).describe('Folder of pictures; folders in it named 10_token are repeated 10 times.'),
  resolution: z
    .string()
    .regex(/^\d{2,4}([,x]\d{2,4})?$/, 'must be a side, or width,height')
    .optional()
    .describe('Side in pixels, or width,height; default the model’s.'),
  enable_bucket: z
    .boolean()
    .default(false)
    .describe('Keep shapes of pictures: train on several sizes of about the same area.'),
  min_bucket_reso: side.default(256).describe('Smallest side of a bucket.'),
  max_bucket_reso: side.default(1024).describe('Largest side of a bucket.'),
  bucket_reso_steps: side.default(64).describe('Sides of buckets are multiples of this.'),
  bucket_no_upscale: z
    .boolean()
    .default(false)
    .describe('Pictures smaller than a bucket are not enlarged: they get a smaller one.'),
  flip_aug: z.boolean().default(false).describe('Show half of the pictures mirrored.'),
  random_crop: z
    .boolean()
    .default(false)
    .describe('Crop where chance says, anew for each picture; without it the middle.'),
  cache_latents_to_disk: z.boolean().default(true).describe('Keep encoded pictures in the run’s folder.'),
  latent_sampling: z
    .enum(['deterministic', 'once', 'random'])
    .default('deterministic')
    .describe('Mean of what the VAE says, or drawn from it once or each time.'),
  validation_split: share.default(0).describe('Share of the pictures that is held out and measured.'),
  masked_loss: z
    .boolean()
    .default(false)
    .describe('Weigh pixels by a picture’s transparency, or by NAME.mask.png beside it.'),
  masked_loss_area: z.boolean().default(false).describe('Over the masks’ area, so that small ones count as much.'),
});

const captions = grouped('captions', {
  caption_extension: z
    .string()
    .regex(/^\.\w+$/, 'must look like .txt')
    .default('.txt')
    .describe('Ending of the text files beside pictures.'),
  caption_prefix: z.string().optional().describe('Put before each caption.'),
  caption_suffix: z.string().optional().describe('Put behind each caption.'),
  caption_separator: z.string().default(',').describe('What stands between the tags of a caption.'),
  caption_template: z
    .string()
    .optional()
    .describe('A line with [filewords] and [name], or a file of such lines, of which one is drawn.'),
  shuffle_caption: z.boolean().default(false).describe('Tags in a new order each time.'),
  keep_tokens: count.default(0).describe('The first so many tags stay first.'),
  caption_dropout_rate: share.default(0).describe('Share of captions left empty.'),
  caption_dropout_every_n_epochs: count.default(0).describe('Every n-th epoch goes without captions; 0 none.'),
  caption_tag_dropout_rate: share.default(0).describe('Share of tags left out.'),
  max_token_length: z.int().min(75).max(225).multipleOf(75).default(75).describe('Tokens of a caption that are read.'),
  clip_skip: z.int().min(1).max(12).default(1).describe('Layer of the text encoder, from the last.'),
});

const length = grouped('length', {
  max_train_steps: z.int().positive().default(400).describe('Steps.'),
  train_batch_size: z.int().positive().max(256).default(1).describe('Pictures of a step.'),
  gradient_accumulation_steps: z
    .int()
    .positive()
    .max(1024)
    .default(1)
    .describe('Batches whose gradients make one step.'),
  gradient_checkpointing: z
    .boolean()
    .default(false)
    .describe('Compute the inside of blocks again on the way back: less memory, more time.'),
  seed: z.int().min(0).default(1).describe('Of everything that is drawn.'),
  save_every_n_steps: z.int().positive().default(200).describe('Steps between two saved states.'),
});

const learning = grouped('learning', {
  learning_rate: z.number().positive().max(100).default(1e-4).describe('Learning rate.'),
  unet_lr: z.number().positive().optional().describe('Of the denoiser; default learning_rate.'),
  text_encoder_lr: z.number().positive().optional().describe('Of the text encoders; default learning_rate.'),
  lr_scheduler: z
    .enum(scheduleNames)
    // A1111's steps are `lr_schedule`.
    .exclude(['piecewise_constant'])
    .default('constant')
    .describe('How the rate changes.'),
  lr_schedule: z.string().optional().describe('A1111’s steps instead: 0.005:100, 1e-3:1000, 1e-5.'),
  lr_warmup_steps: count.default(0).describe('Steps over which the rate rises.'),
  lr_scheduler_num_cycles: z.number().positive().default(1).describe('Restarts of cosine_with_restarts.'),
  lr_scheduler_power: z.number().positive().default(1).describe('Power of polynomial.'),
  optimizer_type: z.string().default('AdamW').describe('AdamW, Adam, Lion, Adafactor, Prodigy or SGD.'),
  optimizer_args: z
    .array(z.string().regex(/^\w+=.+$/, 'must look like name=value'))
    .default([])
    .describe('Options of the optimiser: betas=0.9,0.99; may be repeated.'),
  weight_decay: z.number().min(0).optional().describe('Of the optimiser; default its own.'),
  max_grad_norm: z.number().min(0).default(1).describe('Longest gradient; 0 any.'),
  use_ema: z.boolean().default(false).describe('Keep a moving average, which becomes the result.'),
  ema_decay: share.default(0.999).describe('Of the moving average.'),
});

const loss = grouped('loss', {
  loss_type: z.enum(['l2', 'huber', 'smooth_l1']).default('l2').describe('Error of a pixel.'),
  huber_schedule: z
    .enum(['snr', 'exponential', 'constant'])
    .default('snr')
    .describe('How the Huber bound changes with the noise.'),
  huber_c: z.number().positive().max(1).default(0.1).describe('Huber bound.'),
  min_snr_gamma: z.number().positive().optional().describe('Weigh timesteps by min-SNR; 5 is usual.'),
  debiased_estimation_loss: z.boolean().default(false).describe('Weigh timesteps by debiased estimation.'),
  v_parameterization: z
    .boolean()
    .optional()
    .describe('The model predicts velocity; default what the model’s file says.'),
  zero_terminal_snr: z.boolean().default(false).describe('Noise alone at the last timestep.'),
  min_timestep: count.default(0).describe('First timestep that is drawn.'),
  max_timestep: z.int().positive().max(1000).default(1000).describe('End of the timesteps that are drawn.'),
  prior_loss_weight: z.number().min(0).default(1).describe('Weight of pictures of the class.'),
});

const noise = grouped('noise', {
  noise_offset: share.default(0).describe('Noise added to whole channels; 0.05 to 0.1 helps dark and bright pictures.'),
  adaptive_noise_scale: share.default(0).describe('More of it where a channel’s mean is large.'),
  multires_noise_iterations: z.int().min(0).max(20).default(0).describe('Coarser noises added; 6 to 10 is usual.'),
  multires_noise_discount: share.default(0.3).describe('Weight of each coarser one.'),
  ip_noise_gamma: share.default(0).describe('Noise that the network sees and is not asked for; 0.1 is usual.'),
});

const watch = grouped('watch', {
  sample_prompts: z
    .array(z.string())
    .default([])
    .describe(
      'Prompts to draw now and then: TEXT --n NEGATIVE --w 128 --h 128 --d SEED --l CFG --s STEPS; or a file of them. May be repeated.',
    ),
  sample_every_n_steps: count.default(0).describe('Steps between two samples; 0 none but at the end.'),
  validate_every_n_steps: z.int().positive().default(50).describe('Steps between two looks at what is held out.'),
  effect_report: z
    .boolean()
    .default(true)
    .describe('Draw with and without the result at the end, and say whether it did anything.'),
});

export const settingsByGroup = { model, data, captions, length, learning, loss, noise, watch };
export const sharedSettings = { ...model, ...data, ...captions, ...length, ...learning, ...loss, ...noise, ...watch };

export const networkFields = <S extends Record<string, z.ZodType>>(shape: S): S => grouped('network', shape);
export { activationNames, count, initialisations, share };
