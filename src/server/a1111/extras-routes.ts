/**
 * `/sdapi/v1/extra-single-image` and `extra-batch-images`: pictures enlarged by one upscaler or two mixed; and the lists
 * of upscalers.
 *
 * Source: AUTOMATIC1111 web UI v1.10.1, modules/api/models.py, scripts/postprocessing_{upscale,gfpgan,codeformer}.py.
 * Faces are restored where the user has an ONNX file of the network; where not, that is told and the picture is made.
 */

import { z } from 'zod';
import { UserError } from '#core/errors';
import { latentModes } from '#pipelines/hires';
import { upscaleSchema } from '#pipelines/upscale/request';
import { resamplerNames } from '#pipelines/upscale/upscalers';
import { faceRestorerOf } from '#studio/library/faces';
import type { LibraryModel } from '#studio/library/model';
import type { OnnxFile } from '#studio/library/onnx-files';
import { finishedJob } from '#studio/work/finished-job';
import { pictureMaxBody } from '../http/body.ts';
import type { Call } from '../http/call.ts';
import { type Route, route } from '../http/route.ts';
import { pictureOf } from '../pictures.ts';
import type { A1111Parts } from './parts.ts';
import { bool, float, int, picture, text } from './pydantic.ts';

const extrasShape = {
  resize_mode: int,
  show_extras_results: bool,
  gfpgan_visibility: float,
  codeformer_visibility: float,
  codeformer_weight: float,
  upscaling_resize: float,
  upscaling_resize_w: int,
  upscaling_resize_h: int,
  upscaling_crop: bool,
  upscaler_1: text,
  upscaler_2: text,
  extras_upscaler_2_visibility: float,
  upscale_first: bool,
};

const singleSchema = z.looseObject({ ...extrasShape, image: picture });
const batchSchema = z.looseObject({
  ...extrasShape,
  imageList: z.array(z.looseObject({ data: z.string(), name: z.string().nullish() })).nullish(),
});

type Extras = { readonly [K in keyof typeof extrasShape]?: z.output<(typeof extrasShape)[K]> };

/** Sides of what upstream enlarges by a factor. */
const multiple = 8;

/** The restorers that are asked for and here, in upstream's order, and what is told of those that are not. */
function facesInput(fields: Extras, files: readonly OnnxFile[]) {
  const asked = [
    { called: 'GFPGAN', visibility: fields.gfpgan_visibility ?? 0 },
    { called: 'CodeFormer', visibility: fields.codeformer_visibility ?? 0 },
  ].flatMap(({ called, visibility }) =>
    visibility > 0 ? [{ called, visibility: Math.min(visibility, 1), name: faceRestorerOf(files, called)?.name }] : [],
  );
  const warnings = asked
    .filter(({ name }) => name === undefined)
    .map(
      ({ called }) =>
        `${called} is left out: there is no ONNX file of it in the folder facerestore_models of the models.`,
    );
  const [first, second] = asked.filter(({ name }) => name !== undefined);
  const faces = first && {
    faces: first.name,
    facesVisibility: first.visibility,
    faces2: second?.name,
    faces2Visibility: second?.visibility,
    facesFidelity: Math.min(Math.max(fields.codeformer_weight ?? 0, 0), 1),
  };
  return { faces, warnings };
}

/** @throws UserError */
function upscaleInput(fields: Extras, faces: ReturnType<typeof facesInput>['faces']) {
  const sized = fields.resize_mode === 1;
  const second = fields.upscaler_2 ?? 'None';
  const read = upscaleSchema.safeParse({
    by: fields.upscaling_resize ?? 2,
    ...(sized && { width: fields.upscaling_resize_w ?? 512, height: fields.upscaling_resize_h ?? 512 }),
    crop: fields.upscaling_crop ?? true,
    upscaler: fields.upscaler_1 ?? 'None',
    upscaler2: second === 'None' ? undefined : second,
    visibility: fields.extras_upscaler_2_visibility ?? 0,
    multiple: sized ? 1 : multiple,
    ...faces,
  });
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  throw new UserError('request.invalid', `${issue!.path.join('.')}: ${issue!.message}.`);
}

export function extrasRoutes(parts: A1111Parts): Route[] {
  const common = { method: 'post', tag: 'A1111', role: 'user', maxBody: pictureMaxBody } as const;
  return [
    route({
      ...common,
      path: '/extra-single-image',
      operation: 'a1111ExtraSingleImage',
      summary: 'A picture, enlarged.',
      body: singleSchema,
      answer: {
        description: 'The picture as base64; `warnings` where something was left out.',
        schema: z.object({ image: z.string(), html_info: z.string(), warnings: z.array(z.string()).optional() }),
      },
      async handle({ body }, call) {
        const fields = body as Extras & { image?: string | null };
        if (!fields.image) throw new UserError('image.missing', 'image: a picture is needed.');
        const { image, text: info, warnings } = await enlarged(parts, call, fields, fields.image);
        return { image, html_info: paragraphs(info), warnings };
      },
    }),
    route({
      ...common,
      path: '/extra-batch-images',
      operation: 'a1111ExtraBatchImages',
      summary: 'Pictures, enlarged.',
      body: batchSchema,
      answer: {
        description: 'The pictures as base64.',
        schema: z.object({
          images: z.array(z.string()),
          html_info: z.string(),
          warnings: z.array(z.string()).optional(),
        }),
      },
      async handle({ body }, call) {
        const fields = body as Extras & z.output<typeof batchSchema>;
        const images: string[] = [];
        const warnings = new Set<string>();
        let info = '';
        for (const { data } of fields.imageList ?? []) {
          const made = await enlarged(parts, call, fields, data);
          images.push(made.image);
          info = made.text;
          for (const warning of made.warnings ?? []) warnings.add(warning);
        }
        return { images, html_info: paragraphs(info), warnings: warnings.size > 0 ? [...warnings] : undefined };
      },
    }),
    route({
      ...common,
      path: '/interrogate',
      operation: 'a1111Interrogate',
      summary: 'What a picture shows, in tags; which of upstream’s models is named does not matter.',
      body: z.looseObject({ image: picture, model: text }),
      answer: { description: 'The caption, as it can stand in a prompt.', schema: z.object({ caption: z.string() }) },
      async handle({ body: { image } }, call) {
        if (!image) throw new UserError('image.missing', 'image: a picture is needed.');
        const upload = await pictureOf(image, call.caller, parts.pictures, call.signal);
        const { caption } = await parts.studio.caption(upload, {}, call);
        return { caption: caption.replaceAll(/[()]/g, (sign) => `\\${sign}`) };
      },
    }),
    ...listRoutes(parts),
  ];
}

async function enlarged({ studio, pictures }: A1111Parts, call: Call, fields: Extras, source: string) {
  const { faces, warnings } = facesInput(fields, await studio.faceRestorers());
  const request = upscaleInput(fields, faces);
  const picture = await pictureOf(source, call.caller, pictures, call.signal);
  const job = await studio.submitUpscale({ request, picture, user: call.caller.name });
  const ended = await finishedJob(studio, job.id, call.signal);
  const [image] = await studio.gallery.ofJob(ended.id);
  if (!image) throw new UserError('job.cancelled', `Job ${ended.id} was cancelled before it had a picture.`);
  const all = [...warnings, ...ended.warnings];
  return {
    image: (await studio.gallery.read(image.id)).toString('base64'),
    text: image.infotext,
    warnings: all.length > 0 ? all : undefined,
  };
}

/** As HTML, its signs told apart from markup. */
function paragraphs(info: string): string {
  const escaped = info.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  return escaped === '' ? '' : `<p>${escaped.replaceAll('\n', '<br>')}</p>`;
}

function listRoutes({ studio }: A1111Parts): Route[] {
  const list = { description: 'A list.', schema: z.array(z.looseObject({})) };
  const common = { method: 'get', tag: 'A1111', role: 'viewer', answer: list } as const;
  const upscalers = () => studio.library.list({ kind: 'upscaler' });
  const path = (model: LibraryModel, { caller }: Call) => (caller.role === 'admin' ? model.path : model.name);
  return [
    route({
      ...common,
      path: '/upscalers',
      operation: 'a1111Upscalers',
      summary: 'Upscalers.',
      handle: (_input, call) => [
        ...resamplerNames.map((name) => ({ name, model_name: null, model_path: null, model_url: null, scale: 4 })),
        ...upscalers().map((model) => ({
          name: model.name,
          model_name: model.name,
          model_path: path(model, call),
          model_url: null,
          scale: model.description.scale ?? 4,
        })),
      ],
    }),
    route({
      ...common,
      path: '/latent-upscale-modes',
      operation: 'a1111LatentUpscaleModes',
      summary: 'Ways of enlarging latents.',
      handle: () => Object.keys(latentModes).map((name) => ({ name })),
    }),
    route({
      ...common,
      path: '/realesrgan-models',
      operation: 'a1111RealesrganModels',
      summary: 'RealESRGAN models.',
      handle: (_input, call) =>
        upscalers()
          .filter(({ name }) => /realesr/i.test(name))
          .map((model) => ({ name: model.name, path: path(model, call), scale: model.description.scale ?? 4 })),
    }),
  ];
}
