/** `/v1/images/*` and `/v1/models` as OpenAI's clients know them (the DALL-E and gpt-image endpoints). */

import { z } from 'zod';
import { idOf } from '#api/records/id';
import { UserError } from '#core/errors';
import type { GenerateSettings } from '#pipelines/request';
import type { GalleryImage } from '#studio/gallery/image';
import { decodePixels, encodeImage, imageMediaTypes } from '#studio/images/codec';
import type { LibraryModel } from '#studio/library/model';
import type { Studio } from '#studio/studio';
import { finishedJob } from '#studio/work/finished-job';
import type { SubmitInput } from '#studio/work/intake';
import { pictureMaxBody } from '../http/body.ts';
import type { Call } from '../http/call.ts';
import { failureOf, MissingFeatureError } from '../http/errors.ts';
import { type Route, route } from '../http/route.ts';
import { errorObject } from './dialect.ts';
import { editPictures } from './pictures.ts';
import {
  type CommonRequest,
  commonInput,
  editSchema,
  formFields,
  generationSchema,
  type OutputChoice,
  outputOf,
  resolvedQuality,
  unheededFields,
  variationSchema,
} from './request.ts';
import type { SignedLinks } from './signed-links.ts';
import { pictureStream } from './stream.ts';

export interface OpenAiParts {
  readonly studio: Studio;
  readonly links: SignedLinks;
}

const tag = 'OpenAI';
const answer = {
  description: 'The pictures; a stream of events when stream is true.',
  schema: z.looseObject({
    created: z.int(),
    data: z.array(z.looseObject({ b64_json: z.string().optional(), url: z.string().optional(), seed: z.number() })),
  }),
};
const modelSchema = z.object({
  id: z.string(),
  object: z.literal('model'),
  created: z.int(),
  owned_by: z.string(),
});

export function openAiRoutes(parts: OpenAiParts): Route[] {
  const { studio } = parts;
  const images = { method: 'post', tag, role: 'user', maxBody: pictureMaxBody, answer } as const;
  return [
    route({
      ...images,
      path: '/images/generations',
      operation: 'openaiGenerate',
      summary: 'Pictures from a prompt.',
      body: generationSchema,
      async handle({ body }, call) {
        const output = outputOf(body);
        const input = { ...commonInput(body), prompt: body.prompt };
        const warnings = unheededFields(body, generationSchema);
        return await answerPictures(parts, call, { body, output, input, warnings, name: 'image_generation' });
      },
    }),
    route({
      ...images,
      path: '/images/edits',
      operation: 'openaiEdit',
      summary: 'Change a picture, or the transparent part of its mask.',
      body: editSchema,
      fromMultipart: formFields(editSchema),
      async handle({ body }, call) {
        const output = outputOf(body);
        if (body.markup !== undefined) throw new MissingFeatureError('The markup of an edit');
        const given = await editPictures(studio, { init: body.image[0]!, mask: body.mask }, call);
        const strength = body.input_fidelity === 'high' ? { denoisingStrength: 0.5 } : {};
        const input = { ...strength, ...commonInput(body), prompt: body.prompt };
        const warnings = unheededFields(body, editSchema);
        if (body.image.length > 1) warnings.push(`Of ${body.image.length} pictures the first was edited.`);
        return await answerPictures(parts, call, { body, output, input, given, warnings, name: 'image_edit' });
      },
    }),
    route({
      ...images,
      path: '/images/variations',
      operation: 'openaiVary',
      summary: 'Pictures like another one; guided by the prompt inside its file, if it has one.',
      body: variationSchema,
      fromMultipart: formFields(variationSchema),
      async handle({ body }, call) {
        const output = outputOf(body);
        const [init] = body.image;
        const { parameters } = await studio.readTexts(init!, call);
        const prompt = body.prompt ?? String(parameters.Prompt ?? '');
        const input = { denoisingStrength: 0.6, ...commonInput(body), prompt };
        const given = { pictures: { init } };
        const warnings = unheededFields(body, variationSchema);
        return await answerPictures(parts, call, { body, output, input, given, warnings, name: 'image_edit' });
      },
    }),
    ...modelRoutes(studio),
    fileRoute(parts),
  ];
}

function modelRoutes({ library }: Studio): Route[] {
  return [
    route({
      method: 'get',
      path: '/models',
      operation: 'openaiListModels',
      tag,
      role: 'viewer',
      summary: 'Checkpoints that can be used, for selectors.',
      answer: {
        description: 'All of them.',
        schema: z.object({ object: z.literal('list'), data: z.array(modelSchema) }),
      },
      handle: () => ({ object: 'list', data: library.list({ kind: 'checkpoint' }).filter(isUsable).map(modelOut) }),
    }),
    route({
      method: 'get',
      path: '/models/{id}',
      operation: 'openaiGetModel',
      tag,
      role: 'viewer',
      summary: 'One checkpoint, by name.',
      params: z.object({ id: z.string().min(1).max(500) }),
      answer: { description: 'The model.', schema: modelSchema },
      handle: ({ params }) => modelOut(library.find(params.id, ['checkpoint'])),
    }),
  ];
}

/** There is no field that could say why one is not. */
function isUsable({ description }: LibraryModel): boolean {
  return description.problem === undefined;
}

function modelOut({ name, modifiedAt }: LibraryModel): z.input<typeof modelSchema> {
  return { id: name, object: 'model', created: Math.floor(modifiedAt / 1000), owned_by: 'darkroom' };
}

/** Open to whoever has the link: its signature is the permission. */
function fileRoute({ studio, links }: OpenAiParts): Route {
  return route({
    method: 'get',
    path: '/images/files/{id}',
    operation: 'openaiFile',
    tag,
    role: 'viewer',
    summary: 'A picture by its signed link, for an hour.',
    params: z.object({ id: idOf('picture') }),
    query: z.object({ expires: z.string().max(20), signature: z.string().max(100) }),
    answer: { description: 'The file.', type: 'image/*' },
    async handle({ params, query }) {
      if (!links.isValid(params.id, query.expires, query.signature)) {
        throw new UserError('auth.forbidden', 'The link has expired or is not one of this server’s.');
      }
      const { format } = studio.gallery.get(params.id);
      const type = imageMediaTypes[format as keyof typeof imageMediaTypes];
      return new Response(await studio.gallery.read(params.id), { headers: { 'content-type': type } });
    },
  });
}

/** Clients add these up; nothing is counted in tokens here. */
const usage = {
  input_tokens: 0,
  input_tokens_details: { text_tokens: 0, image_tokens: 0 },
  output_tokens: 0,
  total_tokens: 0,
};

interface Order {
  readonly body: CommonRequest;
  readonly output: OutputChoice;
  readonly input: GenerateSettings;
  /** Pictures to start from. */
  readonly given?: Pick<SubmitInput, 'pictures' | 'inputRules'>;
  /** Fields that are not acted on. */
  readonly warnings: readonly string[];
  /** Of stream events. */
  readonly name: 'image_generation' | 'image_edit';
}

async function answerPictures(parts: OpenAiParts, call: Call, order: Order): Promise<unknown> {
  const { studio } = parts;
  const { body, output, input, given, warnings } = order;
  const [job] = await studio.submit({ ...given, request: input, user: call.caller.name, warnings });
  const facts = {
    created_at: Math.floor(job!.createdAt / 1000),
    background: 'opaque',
    output_format: output.format,
    quality: resolvedQuality(body.quality),
    size: body.size ?? 'auto',
  };
  const ended = settled(studio, job!.id, call.signal);
  if (body.stream === true) {
    return pictureStream({
      studio,
      job: job!.id,
      signal: call.signal,
      name: order.name,
      partialImages: body.partial_images ?? 0,
      output,
      facts,
      usage,
      encode: async (id) => (await encodedFile(studio, id, output)).toString('base64'),
      ended,
      onError: (error) => errorObject(failureOf(error), 'server_error'),
    });
  }
  await ended;
  const images = await studio.gallery.ofJob(job!.id);
  const { created_at, ...rest } = facts;
  const data = await Promise.all(images.map(async (image) => await imageOut(parts, call, image, output)));
  const size = images[0] ? `${images[0].width}x${images[0].height}` : rest.size;
  const said = (await studio.queue.get(job!.id))?.warnings ?? [];
  return { created: created_at, data, ...rest, size, usage, ...(said.length > 0 && { warnings: said }) };
}

async function imageOut({ studio, links }: OpenAiParts, call: Call, image: GalleryImage, output: OutputChoice) {
  const facts = { revised_prompt: image.prompt, seed: image.seed };
  if (output.asUrl) return { ...facts, url: new URL(links.sign(image.id), call.request.url).href };
  return { ...facts, b64_json: (await encodedFile(studio, image.id, output)).toString('base64') };
}

/** The file as it lies there when it has the wanted type, else written anew, parameters inside. */
async function encodedFile({ gallery }: Studio, id: string, { format, quality }: OutputChoice): Promise<Buffer> {
  const file = await gallery.read(id);
  const image = gallery.get(id);
  if (image.format === format) return file;
  const decoded = await decodePixels(file);
  return Buffer.from(await encodeImage(decoded.image, format, image.infotext, { quality }));
}

/** @throws what kept the job from its end */
async function settled(studio: Studio, id: string, signal: AbortSignal): Promise<void> {
  const job = await finishedJob(studio, id, signal);
  if (job.state === 'cancelled') throw new UserError('job.cancelled', 'The job was cancelled.');
}
