/** `/sdapi/v1/txt2img` and `img2img`: the request blocks until its pictures are there; `info` is a JSON text. */

import { randomInt } from 'node:crypto';
import { z } from 'zod';
import { FieldError } from '#api/check';
import { controlRoles, type InputRole } from '#api/records/job';
import { mayChange } from '#api/rights';
import { UserError } from '#core/errors';
import { findAnnotator } from '#pipelines/annotators/index';
import { settingRows } from '#pipelines/settings/index';
import { readPairs } from '#prompt/infotext';
import { unquoteValue } from '#prompt/infotext-values';
import type { GalleryImage } from '#studio/gallery/image';
import type { PictureJob } from '#studio/queue/job';
import type { Upload } from '#studio/reader/large-bodies';
import { finishedJob } from '#studio/work/finished-job';
import type { InputUploads } from '#studio/work/inputs';
import type { InputRules } from '#studio/work/prepare-inputs';
import { pictureMaxBody } from '../http/body.ts';
import type { Call } from '../http/call.ts';
import { type Route, route } from '../http/route.ts';
import { pictureOf } from '../pictures.ts';
import { outputOf } from './output.ts';
import type { A1111Parts } from './parts.ts';
import {
  type CommonFields,
  defaultsOf,
  type Img2imgFields,
  img2imgSchema,
  type Txt2imgFields,
  txt2imgSchema,
} from './schemas.ts';
import { type ReadScript, readSeriesScript, type Tab } from './series-scripts.ts';
import type { TranslateWith, Translation } from './translate.ts';

const answer = {
  description: 'The pictures as base64, the request, all parameters as a JSON text, and what was not acted on.',
  schema: z.object({
    images: z.array(z.string()),
    parameters: z.looseObject({}),
    info: z.string(),
    warnings: z.array(z.string()),
  }),
};

export function generationRoutes(parts: A1111Parts): Route[] {
  const common = { method: 'post', tag: 'A1111', role: 'user', maxBody: pictureMaxBody, answer } as const;
  return [
    route({
      ...common,
      path: '/txt2img',
      operation: 'a1111Txt2img',
      summary: 'Pictures from a prompt.',
      body: txt2imgSchema,
      async handle({ body }, call) {
        const fields = body as Txt2imgFields;
        const { txt2imgInput } = await import('./translate.ts');
        const lost: string[] = [];
        const translation = await txt2imgInput(fields, await translateWith(parts, call, lost));
        translation.warnings.push(...lost);
        const { firstpass_image: source } = fields;
        const given = translation.input.hiresOnly && source ? { init: await readPicture(parts, call, source) } : {};
        const parameters = source ? { ...fields, firstpass_image: null } : body;
        return await generate(parts, call, fields, translation, parameters, { pictures: [given] });
      },
    }),
    route({
      ...common,
      path: '/img2img',
      operation: 'a1111Img2img',
      summary: 'Pictures from a picture, or the masked part of one.',
      body: img2imgSchema,
      async handle({ body }, call) {
        const fields = body as Img2imgFields;
        const { img2imgInput } = await import('./translate.ts');
        const lost: string[] = [];
        const translation = await img2imgInput(fields, await translateWith(parts, call, lost));
        translation.warnings.push(...lost);
        const pictures = await readPictures(parts, call, fields);
        const inputRules = { stretch: stretchOf(translation.input, Number(fields.resize_mode ?? 0)) };
        return await generate(parts, call, fields, translation, echoed(fields), { pictures, inputRules }, 'img2img');
      },
    }),
  ];
}

/** @param lost is told which stored options are no longer there */
async function translateWith({ studio, options }: A1111Parts, call: Call, lost: string[]): Promise<TranslateWith> {
  const readInfotext = async (text: string) => await studio.readInfotext(text, call);
  let stored = options.get(lost);
  if (lost.length > 0) {
    // It may lie where the first look at the folders has not come to yet.
    await studio.listed();
    lost.length = 0;
    stored = options.get(lost);
  }
  return { stored, files: studio.library, readInfotext };
}

async function readPicture({ pictures }: A1111Parts, call: Call, source: string): Promise<Upload> {
  return await pictureOf(source, call.caller, pictures, call.signal);
}

/** Each picture to start from, with the mask of all. */
async function readPictures(
  parts: A1111Parts,
  call: Call,
  { init_images: sources = [], mask: painted, latent_mask: latent }: Img2imgFields,
): Promise<InputUploads[]> {
  if (!sources || sources.length === 0) throw new UserError('init-images.unknown', 'Init image not found');
  const read = async (source: string) => await readPicture(parts, call, source);
  const mask = painted ? await read(painted) : undefined;
  const latentMask = mask && latent ? await read(latent) : undefined;
  const found: InputUploads[] = [];
  for (const source of sources) found.push({ init: await read(String(source)), mask, 'latent-mask': latentMask });
  return found;
}

/** The requests that a batch of different pictures is: one a picture and round, seeds as in a batch. */
function requestsOf(
  input: Translation['input'],
  count: number,
  script: ReadScript | undefined,
): Translation['input'][] {
  if (count < 2) return [input];
  const { batchSize = 1, batchCount = 1, seed = -1 } = input;
  if (count > batchSize || script) {
    const reason = script
      ? 'a script begins with one picture'
      : `they are a batch, and batch_size is ${batchSize}; expected ${batchSize} or fewer`;
    throw new FieldError('init_images', `init_images: got ${count} pictures; ${reason}.`);
  }
  const first = seed < 0 ? randomInt(2 ** 32) : seed;
  return Array.from({ length: count * batchCount }, (_, i) => {
    return { ...input, batchSize: 1, batchCount: 1, seed: input.subseedStrength ? first : first + i };
  });
}

/**
 * Where `resize_mode` 0 stretches pictures to: where both sides are given. Else they stay as they are, to be cut to
 * cover; where only the masked area is painted, the picture keeps its own size.
 */
function stretchOf({ width, height, inpaintArea }: Translation['input'], mode: number): InputRules['stretch'] {
  if (mode !== 0 || width === undefined || height === undefined || inpaintArea === 'Only masked') return undefined;
  return { width, height };
}

/** Without the pictures, unless they are asked back. */
function echoed(body: Img2imgFields): object {
  return body.include_init_images ? body : { ...body, init_images: null, mask: null, latent_mask: null };
}

/** The pictures of units, by their places. */
async function controlPictures(
  { pictures }: A1111Parts,
  call: Call,
  controls: Translation['controls'],
): Promise<InputUploads> {
  const found: Partial<Record<InputRole, Upload>> = {};
  const read = async (source: string) => await pictureOf(source, call.caller, pictures, call.signal);
  for (const [i, { image, mask }] of controls.entries()) {
    if (image !== undefined) found[controlRoles[i]!.image] = await read(image);
    if (mask !== undefined) found[controlRoles[i]!.mask] = await read(mask);
  }
  return found;
}

/** What the modules of units made of their pictures, as upstream shows it behind the pictures. */
async function hintsOf(
  { studio }: A1111Parts,
  call: Call,
  controls: Translation['controls'],
  given: InputUploads,
): Promise<string[]> {
  const hints: string[] = [];
  for (const [i, { unit, showsHint }] of controls.entries()) {
    const own = given[controlRoles[i]!.image];
    const image = own ?? given.init;
    const mask = given[controlRoles[i]!.mask] ?? (own ? undefined : given.mask);
    const row = findAnnotator(unit.module ?? 'none');
    const makes = row === undefined || (row.reads === 'picture' && row.name !== 'none');
    if (!showsHint || !image || !makes || unit.weight === 0) continue;
    const { module = 'none', resolution, thresholdA, thresholdB } = unit;
    const request = { module, resolution, thresholdA, thresholdB };
    hints.push(Buffer.from(await studio.makeHint({ image, mask }, request, call)).toString('base64'));
  }
  return hints;
}

async function generate(
  parts: A1111Parts,
  call: Call,
  fields: CommonFields,
  { input, controls, warnings }: Translation,
  parameters: object,
  given: { readonly pictures: readonly InputUploads[]; readonly inputRules?: InputRules } = { pictures: [{}] },
  tab: Tab = 'txt2img',
): Promise<z.input<typeof answer.schema>> {
  const { studio, options } = parts;
  const { inputRules, pictures: starts } = given;
  const hinted = await controlPictures(parts, call, controls);
  const label = fields.force_task_id;
  const output = outputOf(fields, options.get());
  const script = readSeriesScript(fields.script_name, fields.script_args ?? [], tab);
  const told = [...warnings, ...(script?.warnings ?? []), ...keepOptions(fields, call, options)];
  const user = call.caller.name;
  const requests = requestsOf(input, starts.length, script);
  const jobs = await studio.submit(
    requests.map((request, i) => ({
      inputRules,
      pictures: { ...starts[i % starts.length], ...hinted },
      request,
      series: script,
      user,
      label: i === 0 ? (label ?? undefined) : undefined,
      warnings: told,
      fitSides: true,
    })),
  );
  const ended = await Promise.all(jobs.map(({ id }) => finishedJob(studio, id, call.signal)));
  // Interrupted: what is finished is the answer, as upstream.
  const made = await Promise.all(ended.map(async (job) => inAnswer(job, await studio.gallery.ofJob(job.id), script)));
  const images = made.flat();
  const files = fields.send_images === false ? [] : await Promise.all(images.map((image) => output(studio, image)));
  const hints = fields.send_images === false ? [] : await hintsOf(parts, call, controls, { ...starts[0], ...hinted });
  const warned = [...new Set(ended.flatMap((job) => job.warnings))];
  const info = infoOf({ ...ended[0]!, warnings: warned }, images, fields);
  return {
    images: [...files, ...hints],
    parameters: { ...defaultsOf(fields), ...parameters },
    info: JSON.stringify(info),
    warnings: warned,
  };
}

/** A grid comes before its pictures there, and for a plot alone unless they are asked for. */
function inAnswer(
  { request: { series } }: PictureJob,
  images: readonly GalleryImage[],
  script: ReadScript | undefined,
) {
  if (!series?.grid || !script) return images;
  const pictures = images.slice(0, -1);
  const grid = images.slice(-1);
  return script.answers === 'grid' ? grid : [...grid, ...pictures];
}

/** Overrides that are to stay, kept before the picture is made so that one that is refused costs nothing. */
function keepOptions(
  { override_settings_restore_afterwards: restored, override_settings: given }: CommonFields,
  { caller }: Call,
  options: A1111Parts['options'],
): string[] {
  if (restored !== false || !given || Object.keys(given).length === 0) return [];
  if (mayChange(caller, 'settings')) return options.set(given);
  return ['override_settings_restore_afterwards: settings are for admins to change; they held for this request only.'];
}

/** Key order and names are upstream's (Processed.js); values of settings come from their rows. */
function infoOf(
  { request, createdAt, inputs, warnings }: PictureJob,
  images: readonly GalleryImage[],
  { styles }: CommonFields,
): Record<string, unknown> {
  const first = images[0];
  const value = fieldValues(request);
  return {
    prompt: request.prompt,
    all_prompts: images.map((image) => image.prompt ?? request.prompt),
    negative_prompt: request.negativePrompt,
    all_negative_prompts: images.map((image) => image.negativePrompt ?? request.negativePrompt),
    seed: first?.seed ?? request.seed,
    all_seeds: images.map((image) => image.seed),
    subseed: request.subseed,
    all_subseeds: images.map((image) => request.subseed + (image.index ?? 0)),
    subseed_strength: value.subseed_strength,
    width: first?.width ?? request.width ?? 0,
    height: first?.height ?? request.height ?? 0,
    sampler_name: value.sampler_name,
    cfg_scale: value.cfg_scale,
    steps: value.steps,
    batch_size: value.batch_size,
    restore_faces: request.restoreFaces,
    face_restoration_model: request.restoreFaces ? request.faceRestorer : null,
    sd_model_name: first?.model ?? request.model ?? null,
    sd_model_hash: first?.modelHash ?? null,
    sd_vae_name: request.vae ?? null,
    sd_vae_hash: null,
    seed_resize_from_w: value.seed_resize_from_w,
    seed_resize_from_h: value.seed_resize_from_h,
    denoising_strength: inputs.includes('init') || request.hires ? value.denoising_strength : null,
    extra_generation_params: extraParameters(first),
    index_of_first_image: request.series?.grid && images.length > 1 ? 1 : 0,
    infotexts: images.map((image) => image.infotext),
    styles: styles ?? [],
    job_timestamp: timestamp(createdAt),
    clip_skip: request.clipSkip,
    is_using_inpainting_conditioning: false,
    version: 'Darkroom',
    warnings: [...warnings],
  };
}

/** A request in their names and values, by field. */
function fieldValues(request: PictureJob['request']): Record<string, unknown> {
  const values: Readonly<Record<string, unknown>> = { ...request };
  return Object.fromEntries(
    settingRows.flatMap(([name, { a1111 }]) => {
      const value = values[name] ?? null;
      return a1111?.field === undefined ? [] : [[a1111.field, a1111.write ? a1111.write(value as never) : value]];
    }),
  );
}

/** Infotext keys beyond those that have a key of their own in `info`. */
function extraParameters(image: GalleryImage | undefined): Record<string, unknown> {
  const lines = image?.infotext.trim().split('\n') ?? [];
  return Object.fromEntries(
    readPairs(lines.at(-1) ?? '')
      .filter(([key]) => !plainKeys.includes(key))
      .map(([key, value]) => [key, unquoteValue(value)]),
  );
}

const plainKeys: readonly string[] = [
  'Steps',
  'Sampler',
  'CFG scale',
  'Seed',
  'Size',
  'Model hash',
  'Model',
  'VAE hash',
  'VAE',
  'Variation seed',
  'Variation seed strength',
  'Seed resize from',
  'Denoising strength',
  'Clip skip',
  'Version',
];

/** Local time as `20240131235959`. */
export function timestamp(milliseconds: number): string {
  const at = new Date(milliseconds);
  const parts = [at.getMonth() + 1, at.getDate(), at.getHours(), at.getMinutes(), at.getSeconds()];
  return `${at.getFullYear()}${parts.map((part) => String(part).padStart(2, '0')).join('')}`;
}
