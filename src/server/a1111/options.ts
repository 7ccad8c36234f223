/**
 * A1111's options: a flat dictionary that clients read and change. Those that mean something here act; further ones
 * that clients like to read are kept and given back; where files go cannot be changed by a request.
 */

import { UserError } from '#core/errors';
import type { LibraryModel } from '#studio/library/model';
import type { Studio } from '#studio/studio';
import { FieldError } from '../http/check.ts';

export type Options = Readonly<Record<string, unknown>>;

const storeKey = 'a1111.options';

/** Options with their defaults, besides those that are settings of ours. */
const kept: Readonly<Record<string, string | number | boolean | null>> = {
  sd_vae: 'Automatic',
  CLIP_stop_at_last_layers: 1,
  randn_source: 'GPU',
  emphasis: 'Original',
  eta_ddim: 0,
  eta_ancestral: 1,
  eta_noise_seed_delta: 0,
  s_churn: 0,
  s_tmin: 0,
  s_tmax: 0,
  s_noise: 1,
  sd_hypernetwork: 'None',
  token_merging_ratio: 0,
  face_restoration: false,
  tiling: false,
  img2img_color_correction: false,
  img2img_fix_steps: false,
  initial_noise_multiplier: 1,
  upcast_attn: false,
  comma_padding_backtrack: 20,
  show_progress_every_n_steps: 4,
  show_progressbar: true,
  live_previews_enable: true,
  live_previews_image_format: 'jpeg',
  samples_save: true,
  save_images_add_number: true,
  export_for_4chan: false,
  grid_save: false,
  return_grid: false,
  enable_pnginfo: true,
  add_model_hash_to_info: true,
  add_model_name_to_info: true,
  do_not_add_watermark: true,
  upscaler_for_img2img: null,
  face_restoration_model: null,
  filter_nsfw: false,
  api_enable_requests: true,
  api_forbid_local_requests: true,
};

/** Changing these has no engine part behind it yet; their defaults may be sent. */
const missing: Readonly<Record<string, string>> = {
  eta_noise_seed_delta: 'The eta noise seed delta',
  s_churn: 'Sampler churn (s_churn)',
  s_tmin: 'Sampler churn (s_tmin)',
  s_tmax: 'Sampler churn (s_tmax)',
  s_noise: 'The noise multiplier (s_noise)',
  sd_hypernetwork: 'Hypernetworks',
  token_merging_ratio: 'Token merging',
  face_restoration: 'Face restoration',
  tiling: 'Tiling',
  img2img_color_correction: 'Colour correction',
  initial_noise_multiplier: 'The initial noise multiplier',
};

/** The part that an option would need and that is not there; undefined when it asks for nothing. */
export function missingPart(name: string, value: unknown): string | undefined {
  if (!(name in missing) || value === null || value === kept[name]) return undefined;
  return missing[name];
}

export class OptionStore {
  readonly #studio: Pick<Studio, 'settings' | 'library'>;

  constructor(studio: Pick<Studio, 'settings' | 'library'>) {
    this.#studio = studio;
  }

  get(): Options {
    const { defaultModel, outputFormat, outputQuality } = this.#studio.settings.get();
    const stored = (this.#studio.settings.read(storeKey) ?? {}) as Options;
    const model = this.checkpoint(defaultModel);
    return {
      ...kept,
      ...stored,
      sd_model_checkpoint: model?.title ?? null,
      sd_checkpoint_hash: model?.sha256 ?? '',
      samples_format: outputFormat === 'jpeg' ? 'jpg' : outputFormat,
      jpeg_quality: outputQuality,
    };
  }

  /** @throws UserError `model.unknown`; FieldError for values of the wrong type and for folders */
  set(patch: Options): void {
    const stored = { ...((this.#studio.settings.read(storeKey) ?? {}) as Options) } as Record<string, unknown>;
    const settings = this.#settingsOf(patch);
    for (const [name, value] of Object.entries(patch)) {
      if (/^(outdir|directories|temp_dir)/.test(name)) {
        throw new FieldError(name, `${name}: where files go cannot be changed by a request.`);
      }
      if (!Object.hasOwn(kept, name)) continue;
      const part = missingPart(name, value);
      if (part !== undefined)
        throw new FieldError(name, `${name}: ${part} is not part of this version of Darkroom yet.`, 'feature.missing');
      const fallback = kept[name]!;
      if (fallback !== null && typeof value !== typeof fallback) {
        throw new FieldError(name, `${name}: expected a ${typeof fallback}, got ${typeof value}.`);
      }
      stored[name] = value;
    }
    this.#studio.settings.update(settings);
    this.#studio.settings.write(storeKey, stored);
  }

  /** The checkpoint that a name, title or hash stands for; the embedded or first one for an empty name. */
  checkpoint(name: string): LibraryModel | undefined {
    const { library } = this.#studio;
    if (name === '') return library.list({ kind: 'checkpoint' })[0];
    try {
      return library.find(name, ['checkpoint', 'unet']);
    } catch (error) {
      if (error instanceof UserError) return undefined;
      throw error;
    }
  }

  #settingsOf(patch: Options): Record<string, string | number> {
    const { sd_model_checkpoint: model, samples_format: format, jpeg_quality: quality } = patch;
    return {
      ...(typeof model === 'string'
        ? { defaultModel: this.#studio.library.find(model, ['checkpoint', 'unet']).name }
        : {}),
      ...(typeof format === 'string' ? { outputFormat: format === 'jpg' ? 'jpeg' : format } : {}),
      ...(typeof quality === 'number' ? { outputQuality: quality } : {}),
    };
  }
}
