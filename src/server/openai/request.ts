/**
 * OpenAI's image requests as requests of ours. One schema takes the fields of every generation of their models (dall-e
 * and gpt-image), since clients of all of them are in use; sampling settings of ours may stand beside them, at the top
 * or in `extra_body`.
 *
 * Source: the types of the `openai` npm package and what it sends. Accepted and without effect here: style, moderation,
 * user, safety_identifier. Left out, refused by name: transparent backgrounds, GIF and SVG, markup;
 * of several source pictures the first is taken.
 */

import { z } from 'zod';
import { coerceFields, FieldError } from '#api/check';
import { type GenerateSettings, maxSide } from '#pipelines/request';
import { type SettingName, settingRows, valueType } from '#pipelines/settings/index';
import { type ImageFormat, imageFormats } from '#studio/images/codec';
import { UploadedFile } from '#studio/reader/large-bodies';
import type { MultipartBody } from '../http/route.ts';

const qualities = ['auto', 'standard', 'hd', 'low', 'medium', 'high', 'xhigh', 'max'] as const;

/** Said by fields of OpenAI's own: prompt, model and n. */
const ownFields: readonly SettingName[] = ['prompt', 'model', 'batchCount', 'batchSize'];

/** Settings of ours beside OpenAI's fields, under our names and under those that local servers have for them. */
const extraNames: ReadonlyMap<string, SettingName> = new Map(
  settingRows
    .filter(([name]) => !ownFields.includes(name))
    .flatMap(([name, { openai = name }]) => [[name, name] as const, [openai, name] as const]),
);
const extraShape = Object.fromEntries(
  [...extraNames].map(([field, name]) => [field, valueType(name).nullish()]),
) as Record<string, z.ZodType>;

const commonShape = {
  model: z
    .string()
    .max(500)
    .nullish()
    .describe('A checkpoint of the library; OpenAI’s own names stand for the default.'),
  n: z.int().min(1).max(10).nullish().describe('Pictures, 1 to 10.'),
  size: z.string().max(20).nullish().describe('WIDTHxHEIGHT in multiples of 8, or auto.'),
  quality: z.enum(qualities).nullish().describe('More steps; `steps` says it exactly.'),
  response_format: z.enum(['url', 'b64_json']).nullish(),
  background: z.enum(['auto', 'transparent', 'opaque']).nullish(),
  output_format: z.string().max(10).nullish(),
  output_compression: z.int().min(0).max(100).nullish(),
  stream: z.boolean().nullish(),
  partial_images: z.int().min(0).max(3).nullish(),
  extra_body: z.looseObject(extraShape).nullish(),
};

const prompt = z.string().max(32_000);
/** Read in the server, or a file where it was much. */
const bytes = z.union([z.instanceof(Uint8Array), z.instanceof(UploadedFile)]);

export const generationSchema = z.looseObject({ ...extraShape, ...commonShape, prompt });
export const editSchema = z.looseObject({
  ...extraShape,
  ...commonShape,
  prompt,
  image: z.array(bytes).min(1, 'send a picture as image').describe('A file.'),
  mask: bytes.optional().describe('PNG of the same size; transparent parts are repainted.'),
  input_fidelity: z.enum(['high', 'low']).nullish(),
});
export const variationSchema = z.looseObject({
  ...extraShape,
  ...commonShape,
  prompt: prompt.optional(),
  image: z.array(bytes).length(1, 'send one picture as image'),
});

export type CommonRequest = z.output<z.ZodObject<typeof commonShape>>;

/** Of OpenAI's service alone; they say nothing about the picture. */
const aboutTheCaller: readonly string[] = ['user', 'safety_identifier', 'moderation', 'markup'];

/** Fields that nothing here acts on, one sentence each. */
export function unheededFields(request: CommonRequest, schema: z.ZodObject): string[] {
  const known = [...Object.keys(schema.shape), ...aboutTheCaller];
  const unknown = Object.keys(request).filter((name) => !known.includes(name));
  const nested = Object.keys(request.extra_body ?? {}).filter((name) => !Object.hasOwn(extraShape, name));
  return [...unknown, ...nested.map((name) => `extra_body.${name}`)].map((name) => `${name} has no effect here.`);
}

/** Texts may come after files, numbers and booleans as text; several files are called `image[]`. */
export function formFields(schema: z.ZodObject): (parts: MultipartBody) => unknown {
  return ({ fields, files }) => {
    const pictures = [...files].filter(([name]) => /^image(\[\d*\])?$/.test(name)).flatMap(([, list]) => list);
    const mask = files.get('mask')?.[0];
    const texts = Object.entries(coerceFields(schema, fields)).filter(([name]) => name !== 'image' && name !== 'mask');
    const markup = files.has('markup') ? { markup: true } : {};
    return { ...Object.fromEntries(texts), ...markup, image: pictures, ...(mask ? { mask } : {}) };
  };
}

export interface OutputChoice {
  readonly format: ImageFormat;
  readonly quality: number;
  readonly asUrl: boolean;
}

/** @throws FieldError for what cannot be made here */
export function outputOf(request: CommonRequest): OutputChoice {
  if (request.background === 'transparent') {
    throw new FieldError('background', 'background: pictures here have no transparency; use opaque or auto.');
  }
  const format = request.output_format ?? 'png';
  const known = imageFormats.find((each) => each === format);
  if (!known)
    throw new FieldError('output_format', `output_format: expected ${imageFormats.join(', ')}, got ${format}.`);
  const asUrl = (request.response_format ?? (isDallE(request.model) ? 'url' : 'b64_json')) === 'url';
  return { format: known, quality: Math.max(1, request.output_compression ?? 90), asUrl };
}

function isDallE(model: string | null | undefined): boolean {
  return model?.startsWith('dall-e') ?? false;
}

const stepsOfQuality: Readonly<Record<(typeof qualities)[number], number | undefined>> = {
  auto: undefined,
  standard: undefined,
  medium: undefined,
  low: 10,
  hd: 30,
  high: 30,
  xhigh: 40,
  max: 50,
};

/** What a quality comes to, in the words of the newest models. */
export function resolvedQuality(quality: CommonRequest['quality']): string {
  const { auto: _auto, standard: _standard, hd: _hd, ...plain } = stepsOfQuality;
  return quality && Object.hasOwn(plain, quality) ? quality : quality === 'hd' ? 'high' : 'medium';
}

/** The fields that all three endpoints share. @throws FieldError */
export function commonInput(request: CommonRequest): GenerateSettings {
  const given: Readonly<Record<string, unknown>> = { ...request.extra_body, ...definedOnly(request) };
  const settings = [...extraNames].flatMap(([field, name]) => {
    const value = given[field];
    return value === undefined || value === null ? [] : [[name, value]];
  });
  return {
    ...sizeOf(request.size),
    ...definedOnly({ steps: stepsOfQuality[request.quality ?? 'auto'], model: modelOf(request.model) }),
    // Held to their types by the schema.
    ...(Object.fromEntries(settings) as GenerateSettings),
    batchCount: request.n ?? 1,
  };
}

/** Names of OpenAI's own stand for the default. */
function modelOf(name: string | null | undefined): string | undefined {
  if (name === null || name === undefined || name === '' || /^(dall-e|gpt-image|chatgpt-image)/.test(name))
    return undefined;
  return name;
}

function sizeOf(size: string | null | undefined): { width?: number; height?: number } {
  if (size === null || size === undefined || size === 'auto') return {};
  const match = /^(\d{2,5})x(\d{2,5})$/.exec(size);
  const sides = match ? { width: Number(match[1]), height: Number(match[2]) } : undefined;
  const fits = sides && Object.values(sides).every((side) => side % 8 === 0 && side >= 64 && side <= maxSide);
  if (fits) return sides;
  throw new FieldError(
    'size',
    `size: expected WIDTHxHEIGHT in multiples of 8 from 64 to ${maxSide}, or auto; got ${size}.`,
  );
}

type Defined<T> = { [K in keyof T]: Exclude<T[K], undefined | null> };

function definedOnly<T extends object>(value: T): Defined<T> {
  return Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined && v !== null)) as Defined<T>;
}
