/** `/sdapi/v1/txt2img` and `img2img`: the request blocks until its pictures are there; `info` is a JSON text. */

import { z } from 'zod';
import { UserError } from '#core/errors';
import type { GenerateInput } from '#pipelines/request';
import type { GalleryImage } from '#studio/gallery/image';
import type { Job } from '#studio/queue/job';
import { finishedJob } from '../finished-job.ts';
import { pictureMaxBody } from '../http/body.ts';
import type { Call } from '../http/call.ts';
import { type Route, route } from '../http/route.ts';
import { readPicture } from '../pictures.ts';
import type { A1111Parts } from './parts.ts';
import { type CommonFields, type Img2imgFields, img2imgSchema, txt2imgSchema } from './schemas.ts';

const answer = {
  description: 'The pictures as base64, the request, and all parameters as a JSON text.',
  schema: z.object({ images: z.array(z.string()), parameters: z.looseObject({}), info: z.string() }),
};

export function generationRoutes(parts: A1111Parts): Route[] {
  const common = {
    method: 'post',
    tag: 'A1111',
    role: 'user',
    maxBody: pictureMaxBody,
    prepare: async (body: unknown) => (await import('./generation.ts')).fillFromInfotext(body),
    answer,
  } as const;
  return [
    route({
      ...common,
      path: '/txt2img',
      operation: 'a1111Txt2img',
      summary: 'Pictures from a prompt.',
      body: txt2imgSchema,
      async handle({ body }, call) {
        const { txt2imgInput } = await import('./generation.ts');
        const input = txt2imgInput(body, parts.options.get());
        return await generate(parts, call, body, input, body);
      },
    }),
    route({
      ...common,
      path: '/img2img',
      operation: 'a1111Img2img',
      summary: 'Pictures from a picture, or the masked part of one.',
      body: img2imgSchema,
      async handle({ body }, call) {
        const pictures = await readPictures(parts, call, body);
        const { img2imgInput } = await import('./generation.ts');
        const input = img2imgInput(body, pictures, parts.options.get());
        return await generate(parts, call, body, input, echoed(body));
      },
    }),
  ];
}

async function readPictures({ pictures }: A1111Parts, call: Call, { init_images: sources, mask }: Img2imgFields) {
  const [first] = sources ?? [];
  if (first === undefined) throw new UserError('init-images.unknown', 'Init image not found');
  const read = async (source: string) => await readPicture(source, call.caller, pictures, call.signal);
  return { init: await read(first), mask: mask ? await read(mask) : undefined };
}

/** Without the pictures, unless they are asked back. */
function echoed(body: Img2imgFields): object {
  return body.include_init_images ? body : { ...body, init_images: null, mask: null };
}

async function generate(
  { studio, options }: A1111Parts,
  call: Call,
  fields: CommonFields,
  input: GenerateInput,
  parameters: object,
): Promise<z.input<typeof answer.schema>> {
  const label = fields.force_task_id;
  const [job] = await studio.submit({ request: input, user: call.caller.name, ...(label ? { label } : {}) });
  const ended = await finishedJob(studio, job!.id, call.signal);
  // Interrupted: what is finished is the answer, as upstream.
  const { images } = studio.gallery.search({ job: ended.id, order: 'oldest', limit: 500 });
  if (!fields.override_settings_restore_afterwards && fields.override_settings) options.set(fields.override_settings);
  const files = fields.send_images ? await Promise.all(images.map(async ({ id }) => await base64File(studio, id))) : [];
  return { images: files, parameters: { ...parameters }, info: JSON.stringify(infoOf(ended, images)) };
}

async function base64File({ gallery }: A1111Parts['studio'], id: string): Promise<string> {
  return (await gallery.read(id)).toString('base64');
}

/** Key order and names are upstream's (Processed.js). */
function infoOf({ request, createdAt, inputs }: Job, images: readonly GalleryImage[]): Record<string, unknown> {
  const first = images[0];
  const each = <T>(value: T) => images.map(() => value);
  const subseeds = images.map((image) => request.subseed + (image.index ?? 0));
  return {
    prompt: request.prompt,
    all_prompts: each(request.prompt),
    negative_prompt: request.negativePrompt,
    all_negative_prompts: each(request.negativePrompt),
    seed: first?.seed ?? request.seed,
    all_seeds: images.map((image) => image.seed),
    subseed: request.subseed,
    all_subseeds: subseeds,
    subseed_strength: request.subseedStrength,
    width: first?.width ?? request.width ?? 0,
    height: first?.height ?? request.height ?? 0,
    sampler_name: request.sampler,
    cfg_scale: request.cfgScale,
    steps: request.steps,
    batch_size: request.batchSize,
    restore_faces: false,
    face_restoration_model: null,
    sd_model_name: first?.model ?? request.model ?? null,
    sd_model_hash: first?.modelHash ?? null,
    sd_vae_name: request.vae ?? null,
    sd_vae_hash: null,
    seed_resize_from_w: -1,
    seed_resize_from_h: -1,
    denoising_strength: inputs.init === undefined ? null : request.denoisingStrength,
    extra_generation_params: { 'Schedule type': request.scheduler },
    index_of_first_image: 0,
    infotexts: images.map((image) => image.infotext),
    styles: [],
    job_timestamp: timestamp(createdAt),
    clip_skip: request.clipSkip,
    is_using_inpainting_conditioning: false,
    version: 'Darkroom',
  };
}

/** Local time as `20240131235959`. */
export function timestamp(milliseconds: number): string {
  const at = new Date(milliseconds);
  const parts = [at.getMonth() + 1, at.getDate(), at.getHours(), at.getMinutes(), at.getSeconds()];
  return `${at.getFullYear()}${parts.map((part) => String(part).padStart(2, '0')).join('')}`;
}
