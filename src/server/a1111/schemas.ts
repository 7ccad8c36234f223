/**
 * Request fields of A1111's txt2img and img2img with its API's defaults (which differ from its page's: 50 steps, Euler,
 * `inpainting_fill` 0). Null means left out, as in its own schema.
 *
 * Source: AUTOMATIC1111 web UI v1.10.1, modules/api/models.py and the processing classes (names and defaults). One
 * default differs: width and height left out are the model's own size, which for SD 1.x is upstream's 512.
 */

import { z } from 'zod';
import { maxSide } from '#pipelines/request';

const text = (fallback: string) =>
  z
    .string()
    .max(100_000)
    .nullish()
    .transform((v) => v ?? fallback);
const int = (fallback: number, min: number, max: number) =>
  z
    .int()
    .min(min)
    .max(max)
    .nullish()
    .transform((v) => v ?? fallback);
const number = (fallback: number, min: number, max: number) =>
  z
    .number()
    .min(min)
    .max(max)
    .nullish()
    .transform((v) => v ?? fallback);
const flag = (fallback: boolean) =>
  z
    .boolean()
    .nullish()
    .transform((v) => v ?? fallback);
const maybeText = z.string().max(100_000).nullish();
const maybeNumber = z.number().nullish();
const seed = int(-1, -1, Number.MAX_SAFE_INTEGER);
const side = z.int().min(64).max(maxSide).nullish();

const commonShape = {
  prompt: text(''),
  negative_prompt: text(''),
  styles: z.array(z.string()).nullish(),
  seed,
  subseed: seed,
  subseed_strength: number(0, 0, 1),
  seed_resize_from_h: int(-1, -1, maxSide),
  seed_resize_from_w: int(-1, -1, maxSide),
  sampler_name: maybeText,
  sampler_index: text('Euler'),
  scheduler: maybeText,
  batch_size: int(1, 1, 64),
  n_iter: int(1, 1, 1000),
  steps: int(50, 1, 1000),
  cfg_scale: number(7, 0, 100),
  width: side,
  height: side,
  restore_faces: z.boolean().nullish(),
  tiling: z.boolean().nullish(),
  do_not_save_samples: flag(false),
  do_not_save_grid: flag(false),
  eta: z.number().min(0).max(1).nullish(),
  denoising_strength: z.number().min(0).max(1).nullish(),
  s_min_uncond: maybeNumber,
  s_churn: maybeNumber,
  s_tmin: maybeNumber,
  s_tmax: maybeNumber,
  s_noise: maybeNumber,
  override_settings: z.record(z.string(), z.unknown()).nullish(),
  override_settings_restore_afterwards: flag(true),
  refiner_checkpoint: maybeText,
  refiner_switch_at: maybeNumber,
  disable_extra_networks: flag(false),
  firstpass_image: maybeText,
  script_name: maybeText,
  script_args: z.array(z.unknown()).nullish(),
  alwayson_scripts: z.record(z.string(), z.looseObject({ args: z.unknown().optional() })).nullish(),
  send_images: flag(true),
  save_images: flag(false),
  force_task_id: z.string().max(200).nullish(),
  infotext: maybeText,
};

export const txt2imgSchema = z.looseObject({
  ...commonShape,
  enable_hr: flag(false),
  firstphase_width: int(0, 0, maxSide),
  firstphase_height: int(0, 0, maxSide),
  hr_scale: number(2, 1, 8),
  hr_upscaler: maybeText,
  hr_second_pass_steps: int(0, 0, 1000),
  hr_resize_x: int(0, 0, maxSide),
  hr_resize_y: int(0, 0, maxSide),
  hr_checkpoint_name: maybeText,
  hr_sampler_name: maybeText,
  hr_scheduler: maybeText,
  hr_prompt: text(''),
  hr_negative_prompt: text(''),
});

export const img2imgSchema = z.looseObject({
  ...commonShape,
  init_images: z.array(z.string()).nullish(),
  include_init_images: flag(false),
  resize_mode: int(0, 0, 3),
  mask: z.string().nullish(),
  mask_blur: z.number().min(0).max(64).nullish(),
  mask_blur_x: number(4, 0, 64),
  mask_blur_y: number(4, 0, 64),
  mask_round: flag(true),
  inpainting_fill: int(0, 0, 3),
  inpaint_full_res: z.union([z.boolean(), z.int()]).nullish(),
  inpaint_full_res_padding: int(0, 0, 4096),
  inpainting_mask_invert: z.union([z.boolean(), z.int()]).nullish(),
  initial_noise_multiplier: maybeNumber,
  image_cfg_scale: maybeNumber,
  latent_mask: maybeText,
});

export type CommonFields = z.output<z.ZodObject<typeof commonShape>>;
export type Txt2imgFields = z.output<typeof txt2imgSchema>;
export type Img2imgFields = z.output<typeof img2imgSchema>;
