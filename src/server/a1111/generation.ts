/**
 * A1111's generation requests as requests of ours. What the engine cannot do yet is refused by name (501), never left
 * out in silence.
 *
 * Quirks kept: an unknown sampler becomes the first of the list; old combined names ("DPM++ 2M Karras") are split;
 * sides are cut to multiples of 8; infotext fills the fields that the request leaves out (but the model). Left out: saving without the
 * gallery (`save_images` is always on here), grids, and "only masked" inpainting, whose flag is taken as false unless it
 * is sent as true (upstream's API default is true).
 */

import { UserError } from '#core/errors';
import type { PixelImage } from '#core/image';
import { findSamplerAndScheduler } from '#diffusion/samplers/index';
import type { GenerateInput } from '#pipelines/request';
import { resizePlanes } from '#pipelines/resample';
import { type ParsedInfotext, parseInfotext } from '#prompt/infotext';
import { FieldError } from '../http/check.ts';
import { MissingFeatureError } from '../http/errors.ts';
import { missingPart, type Options } from './options.ts';
import type { CommonFields, Img2imgFields, Txt2imgFields } from './schemas.ts';
import { checkScripts } from './scripts.ts';

/** @throws MissingFeatureError, FieldError */
export function txt2imgInput(fields: Txt2imgFields, options: Options): GenerateInput {
  if (fields.enable_hr) throw new MissingFeatureError('The hires pass (enable_hr)');
  return commonInput(fields, options, 'txt2img');
}

/** `init` and `mask` are the decoded pictures. @throws MissingFeatureError, FieldError */
export function img2imgInput(
  fields: Img2imgFields,
  pictures: { readonly init: PixelImage; readonly mask: PixelImage | undefined },
  options: Options,
): GenerateInput {
  refuseImg2imgParts(fields);
  const common = commonInput(fields, options, 'img2img');
  const blur = fields.mask_blur ?? fields.mask_blur_x;
  if (fields.mask_blur === undefined && fields.mask_blur_x !== fields.mask_blur_y) {
    throw new MissingFeatureError('A mask blur that differs by axis');
  }
  const { width, height } = common;
  const stretches = fields.resize_mode === 0 && width !== undefined && height !== undefined;
  const sized = (image: PixelImage) => (stretches ? stretch(image, width, height) : image);
  return {
    ...common,
    denoisingStrength: fields.denoising_strength ?? 0.75,
    init: sized(pictures.init),
    ...(pictures.mask ? { mask: sized(pictures.mask) } : {}),
    maskBlur: blur,
    maskedContent: (['fill', 'original', 'noise', 'nothing'] as const)[fields.inpainting_fill]!,
    maskInvert: Boolean(fields.inpainting_mask_invert),
  };
}

function refuseImg2imgParts(fields: Img2imgFields): void {
  const { mask, resize_mode, init_images } = fields;
  if ((init_images?.length ?? 0) > 1) throw new MissingFeatureError('A batch of different init_images');
  if (resize_mode === 2) throw new MissingFeatureError('resize_mode 2 (fit and fill edges)');
  if (resize_mode === 3) throw new MissingFeatureError('resize_mode 3 (latent resize)');
  if (mask && fields.inpaint_full_res) throw new MissingFeatureError('"Only masked" inpainting (inpaint_full_res)');
  if (mask && !fields.mask_round) throw new MissingFeatureError('A soft latent mask (mask_round false)');
  if (fields.latent_mask) throw new MissingFeatureError('latent_mask');
  const noise = missingPart('initial_noise_multiplier', fields.initial_noise_multiplier ?? null);
  if (noise) throw new MissingFeatureError(noise);
}

function commonInput(fields: CommonFields, stored: Options, tab: 'txt2img' | 'img2img'): GenerateInput {
  refuseParts(fields);
  checkScripts(fields, tab);
  const options = { ...stored, ...fields.override_settings };
  for (const [name, value] of Object.entries(fields.override_settings ?? {})) {
    const part = missingPart(name, value);
    if (part !== undefined) throw new MissingFeatureError(part);
  }
  const { sampler, scheduler } = samplerOf(fields);
  const eta = fields.eta ?? etaOf(options);
  return {
    prompt: fields.prompt,
    negativePrompt: fields.negative_prompt,
    ...modelOf(fields, options),
    sampler,
    scheduler,
    steps: fields.steps,
    cfgScale: fields.cfg_scale,
    seed: fields.seed,
    subseed: fields.subseed,
    subseedStrength: fields.subseed_strength,
    ...(fields.width ? { width: fields.width - (fields.width % 8) } : {}),
    ...(fields.height ? { height: fields.height - (fields.height % 8) } : {}),
    batchSize: fields.batch_size,
    batchCount: fields.n_iter,
    clipSkip: wholeNumber(options, 'CLIP_stop_at_last_layers'),
    randomSource: options.randn_source === 'CPU' ? 'cpu' : 'gpu',
    emphasis: emphasisOf(options),
    ...(eta === undefined ? {} : { eta }),
  };
}

function refuseParts(fields: CommonFields): void {
  const wanted: readonly (readonly [unknown, string])[] = [
    [fields.styles?.some((style) => style !== ''), 'Prompt styles'],
    [fields.seed_resize_from_h > 0 && fields.seed_resize_from_w > 0, 'Seed resizing'],
    [fields.restore_faces, 'Face restoration'],
    [fields.tiling, 'Tiling'],
    [fields.s_min_uncond, 'Skipping the negative prompt (s_min_uncond)'],
    [missingPart('s_churn', fields.s_churn ?? null), 'Sampler churn (s_churn)'],
    [missingPart('s_noise', fields.s_noise ?? null), 'The noise multiplier (s_noise)'],
    [isName(fields.refiner_checkpoint), 'The refiner'],
    [fields.firstpass_image, 'A hires pass of a given picture (firstpass_image)'],
  ];
  const found = wanted.find(([asked]) => Boolean(asked));
  if (found) throw new MissingFeatureError(found[1]);
}

function isName(value: string | null | undefined): boolean {
  return Boolean(value) && value!.toLowerCase() !== 'none';
}

function samplerOf(fields: CommonFields): { sampler: string; scheduler: string } {
  const name = fields.sampler_name || fields.sampler_index;
  const wanted = fields.scheduler || 'Automatic';
  for (const attempt of [
    () => findSamplerAndScheduler(name, wanted),
    () => findSamplerAndScheduler('DPM++ 2M', wanted),
    () => findSamplerAndScheduler('DPM++ 2M'),
  ]) {
    try {
      const { sampler, scheduler } = attempt();
      return { sampler: sampler.name, scheduler: scheduler.name };
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
    }
  }
  return { sampler: 'DPM++ 2M', scheduler: 'Automatic' };
}

function modelOf(fields: CommonFields, options: Options): { model?: string; vae?: string } {
  const model = fields.override_settings?.sd_model_checkpoint;
  const vae = options.sd_vae;
  return {
    ...(typeof model === 'string' && model !== '' ? { model } : {}),
    ...(typeof vae === 'string' && vae !== '' ? { vae } : {}),
  };
}

function wholeNumber(options: Options, name: string): number {
  const value = Number(options[name]);
  if (Number.isInteger(value)) return Math.max(1, value);
  throw new FieldError(name, `${name}: expected a whole number, got ${JSON.stringify(options[name])}.`);
}

function emphasisOf(options: Options): NonNullable<GenerateInput['emphasis']> {
  const known = (['Original', 'No norm', 'Ignore', 'None'] as const).find((name) => name === options.emphasis);
  return known ?? 'Original';
}

/** Only where it was changed: every sampler has its own default. */
function etaOf(options: Options): number | undefined {
  if (typeof options.eta_ancestral === 'number' && options.eta_ancestral !== 1) return options.eta_ancestral;
  if (typeof options.eta_ddim === 'number' && options.eta_ddim !== 0) return options.eta_ddim;
  return undefined;
}

type Reader = (parsed: ParsedInfotext) => unknown;
const numberAt =
  (key: string): Reader =>
  (parsed) =>
    parsed[key] === undefined ? undefined : Number(parsed[key]);
const textAt =
  (key: string): Reader =>
  (parsed) =>
    parsed[key];

/** Fields that infotext fills. */
const infotextFields: Readonly<Record<string, Reader>> = {
  prompt: textAt('Prompt'),
  negative_prompt: textAt('Negative prompt'),
  steps: numberAt('Steps'),
  sampler_name: textAt('Sampler'),
  scheduler: textAt('Schedule type'),
  cfg_scale: numberAt('CFG scale'),
  seed: numberAt('Seed'),
  width: numberAt('Size-1'),
  height: numberAt('Size-2'),
  denoising_strength: numberAt('Denoising strength'),
  subseed: numberAt('Variation seed'),
  subseed_strength: numberAt('Variation seed strength'),
};

/** The body with what its infotext says in the fields that it leaves out. */
export function fillFromInfotext(body: unknown): unknown {
  if (typeof body !== 'object' || body === null) return body;
  const given = body as Record<string, unknown>;
  if (typeof given.infotext !== 'string' || given.infotext === '') return body;
  const parsed = parseInfotext(given.infotext);
  const filled = Object.entries(infotextFields).flatMap(([name, read]) => {
    const value = given[name] === undefined || given[name] === null ? read(parsed) : undefined;
    return value === undefined || Number.isNaN(value) ? [] : [[name, value]];
  });
  const overrides = { ...infotextOptions(parsed), ...(given.override_settings as object | undefined) };
  return { ...given, ...Object.fromEntries(filled), override_settings: overrides };
}

function infotextOptions(parsed: ParsedInfotext): Record<string, unknown> {
  const rng = parsed.RNG;
  return {
    ...(parsed['Clip skip'] === undefined ? {} : { CLIP_stop_at_last_layers: Number(parsed['Clip skip']) }),
    ...(rng === undefined ? {} : { randn_source: rng }),
  };
}

/** The whole picture in the given size, whatever its shape (resize_mode 0). */
export function stretch(image: PixelImage, width: number, height: number): PixelImage {
  if (image.width === width && image.height === height) return image;
  const { channels, data } = image;
  const cells = image.width * image.height;
  const planes = new Float32Array(data.length);
  for (let i = 0; i < data.length; i++) planes[(i % channels) * cells + Math.floor(i / channels)] = data[i]!;
  const toByte = (value: number) => Math.min(Math.max(Math.round(value), 0), 255);
  const resized = resizePlanes(planes, image, { width, height }, 'lanczos', toByte);
  const out = new Uint8Array(width * height * channels);
  for (let i = 0; i < out.length; i++) out[i] = resized[(i % channels) * width * height + Math.floor(i / channels)]!;
  return { width, height, channels, data: out };
}
