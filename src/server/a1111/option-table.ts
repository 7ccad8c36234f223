/**
 * A1111's options besides those that are settings of ours: what they are by default, and which would change pictures.
 *
 * Source: AUTOMATIC1111 web UI v1.10.1, modules/shared_options.py (names and defaults).
 */

export type OptionValue = string | number | boolean | null;

/** Changing one of these changes pictures, by a part that is not there yet; their defaults may be sent. */
export const missingOptions: Readonly<Record<string, MissingOption>> = {
  use_old_emphasis_implementation: {
    fallback: false,
    part: 'The emphasis of A1111 before October 2022',
    why: 'is not here: it cut prompts at 75 tokens and weighed them by other means. Leave it out of the request.',
  },
  no_dpmpp_sde_batch_determinism: {
    fallback: false,
    part: 'SDE noise that depends on the batch (no_dpmpp_sde_batch_determinism)',
    why: 'is not here: no seed gives the same picture twice with it. Leave it out of the request.',
  },
  fp8_storage: {
    fallback: 'Disable',
    part: 'Rounding weights to 8 bits while a model is loaded (fp8_storage)',
    why: 'is not here: convert the file once (darkroom convert MODEL TARGET --dtype fp8, or q8_0) and choose it.',
  },
  hypertile_enable_vae: {
    fallback: false,
    part: 'HyperTile in the VAE (hypertile_enable_vae)',
    why: 'is not here: the VAE works in tiles by itself where memory is short. Leave it out of the request.',
  },
};

interface MissingOption {
  readonly fallback: OptionValue;
  readonly part: string;
  readonly why: string;
}

/** An option that stands for others: what it sets where nothing else does. */
export const impliedOptions: Readonly<Record<string, Readonly<Record<string, OptionValue>>>> = {
  use_old_karras_scheduler_sigmas: { sigma_min: 0.1, sigma_max: 10 },
};

/** Networks that every prompt names, by their kind's word in it, and the strength of those that have none. */
export const promptNetworks: Readonly<Record<string, string>> = { sd_hypernetwork: 'hypernet', sd_lora: 'lora' };
export const promptOptions: Readonly<Record<string, OptionValue>> = {
  ...Object.fromEntries(Object.keys(promptNetworks).map((option) => [option, 'None'])),
  extra_networks_default_multiplier: 1,
};

/** They act on the file that is sent back. */
export const fileOptions: Readonly<Record<string, OptionValue>> = { enable_pnginfo: true };

/** They change no pixel of a picture; kept and given back, and told to be without effect. */
export const quietOptions: Readonly<Record<string, OptionValue>> = {
  upcast_attn: false,
  cross_attention_optimization: 'Automatic',
  batch_cond_uncond: true,
  persistent_cond_cache: true,
  enable_batch_seeds: true,
  sd_checkpoint_cache: 0,
  sd_checkpoints_limit: 1,
  sd_checkpoints_keep_in_cpu: true,
  sd_vae_checkpoint_cache: 0,
  sd_vae_overrides_per_model_preferences: true,
  show_progress_every_n_steps: 4,
  show_progressbar: true,
  show_progress_type: 'Approx NN',
  live_previews_enable: true,
  live_previews_image_format: 'jpeg',
  samples_save: true,
  save_images_add_number: true,
  save_images_before_face_restoration: false,
  save_txt: false,
  save_mask: false,
  save_mask_composite: false,
  save_to_dirs: true,
  grid_save: false,
  grid_format: 'png',
  return_grid: false,
  return_mask: false,
  return_mask_composite: false,
  do_not_show_images: false,
  samples_filename_pattern: '',
  export_for_4chan: false,
  webp_lossless: false,
  add_model_hash_to_info: true,
  add_model_name_to_info: true,
  add_vae_hash_to_info: true,
  add_vae_name_to_info: true,
  add_user_name_to_info: false,
  add_version_to_infotext: true,
  disable_weights_auto_swap: true,
  auto_backcompat: true,
  disable_mmap_load_safetensors: false,
  do_not_add_watermark: true,
  upscaler_for_img2img: null,
  face_restoration_unload: false,
  filter_nsfw: false,
  interrupt_after_current: true,
  multiple_tqdm: true,
  print_hypernet_extra: false,
  api_enable_requests: true,
  api_forbid_local_requests: true,
  api_useragent: '',
  memmon_poll_rate: 8,
};
