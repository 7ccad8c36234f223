/**
 * OpenAI's image requests as requests of ours. One schema takes the fields of every generation of their models (dall-e
 * and gpt-image), since clients of all of them are in use; sampling settings of ours may stand beside them, at the top
 * or in `extra_body`.
 *
 * Source: the types of the `openai` npm package and what it sends. Accepted and without effect here: style, moderation,
 * user, safety_identifier. Left out, refused by name: transparent backgrounds, GIF and SVG, several source pictures,
 * markup.
 */

import { z } from 'zod';
import { type GenerateInput, generateSchema, maxSide } from '#pipelines/request';
import { type ImageFormat, imageFormats } from '#studio/images/codec';
import type { Library } from '#studio/library/library';
import { coerceFields, FieldError } from '../http/check.ts';
import type { MultipartBody } from '../http/route.ts';

const shape = generateSchema.shape;
const qualities = ['auto', 'standard', 'hd', 'low', 'medium', 'high', 'xhigh', 'max'] as const;

/** Sampling settings beside OpenAI's own fields; names as local servers have them. */
const extraShape = {
  seed: shape.seed.optional(),
  steps: shape.steps.unwrap().optional(),
  cfg_scale: shape.cfgScale.unwrap().optional(),
  negative_prompt: shape.negativePrompt.unwrap().optional(),
  sampler: shape.sampler.unwrap().optional(),
  scheduler: shape.scheduler.unwrap().optional(),
  strength: shape.denoisingStrength.unwrap().optional(),
};

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
  ...extraShape,
  extra_body: z.object(extraShape).nullish(),
};

const prompt = z.string().max(32_000);
const bytes = z.instanceof(Uint8Array);

export const generationSchema = z.looseObject({ ...commonShape, prompt });
export const editSchema = z.looseObject({
  ...commonShape,
  prompt,
  image: z.array(bytes).min(1, 'send a picture as image').describe('A file.'),
  mask: bytes.optional().describe('PNG of the same size; transparent parts are repainted.'),
  input_fidelity: z.enum(['high', 'low']).nullish(),
});
export const variationSchema = z.looseObject({
  ...commonShape,
  prompt: prompt.optional(),
  image: z.array(bytes).length(1, 'send one picture as image'),
});

export type CommonRequest = Pick<z.output<typeof generationSchema>, keyof typeof commonShape>;

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

/** The fields that all three endpoints share. @throws FieldError */
export function commonInput(request: CommonRequest, library: Pick<Library, 'find'>): GenerateInput {
  const extra = { ...request.extra_body, ...definedOnly(request) } as z.output<z.ZodObject<typeof extraShape>>;
  const steps = extra.steps ?? stepsOfQuality[request.quality ?? 'auto'];
  const model = modelOf(request.model, library);
  return definedOnly({
    ...sizeOf(request.size),
    model,
    steps,
    seed: extra.seed,
    cfgScale: extra.cfg_scale,
    negativePrompt: extra.negative_prompt,
    sampler: extra.sampler,
    scheduler: extra.scheduler,
    denoisingStrength: extra.strength,
    batchCount: request.n ?? 1,
  });
}

/** Names of OpenAI's own stand for the default. @throws UserError `model.unknown` */
function modelOf(name: string | null | undefined, library: Pick<Library, 'find'>): string | undefined {
  if (name === null || name === undefined || name === '' || /^(dall-e|gpt-image|chatgpt-image)/.test(name))
    return undefined;
  return library.find(name, ['checkpoint', 'unet']).name;
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
