/** `/api/v1/images` and `/api/v1/boards`: the gallery. */

import type { FileHandle } from 'node:fs/promises';
import { basename } from 'node:path';
import { Readable } from 'node:stream';
import { z } from 'zod';
import { UserError } from '#core/errors';
import type { Board, GalleryImage, ImageQuery } from '#studio/gallery/image';
import type { Studio } from '#studio/studio';
import { type Call, maySee, scopeOf } from '../http/call.ts';
import { type Route, route } from '../http/route.ts';
import { boardSchema, imageOut, imagePageSchema, imageSchema } from './image-schemas.ts';
import { idParams, idSchema } from './job-schemas.ts';

const mediaTypes: Readonly<Record<string, string>> = { png: 'image/png', jpeg: 'image/jpeg', webp: 'image/webp' };

const querySchema = z.object({
  text: z.string().max(500).optional().describe('Words of the prompt; "a phrase", -without.'),
  model: z.string().max(500).optional(),
  sampler: z.string().max(100).optional(),
  from: z.number().optional().describe('Milliseconds since 1970, inclusive.'),
  to: z.number().optional(),
  minRating: z.int().min(0).max(5).optional(),
  tags: z.array(z.string().max(100)).max(20).optional().describe('All of them; may be repeated.'),
  board: z.string().optional(),
  user: z.string().optional(),
  job: z.string().optional(),
  trashed: z.boolean().optional().describe('The trash instead of the gallery.'),
  order: z.enum(['newest', 'oldest', 'rating']).default('newest'),
  limit: z.int().min(1).max(500).default(50),
  cursor: z.string().max(200).optional(),
});

const idsBody = z.strictObject({ ids: z.array(idSchema).min(1).max(1000) });
const tag = 'Gallery';

export function imageRoutes(studio: Studio): Route[] {
  const { gallery } = studio;
  const image = { description: 'The picture.', schema: imageSchema };
  return [
    route({
      method: 'get',
      path: '/images',
      operation: 'searchImages',
      tag,
      role: 'viewer',
      summary: 'Search the gallery.',
      query: querySchema,
      answer: { description: 'A page of pictures.', schema: imagePageSchema },
      handle({ query }, call) {
        const user = scopeOf(call.caller) ?? query.user;
        const defined = Object.fromEntries(Object.entries({ ...query, user }).filter(([, v]) => v !== undefined));
        const asked = defined as ImageQuery;
        const page = gallery.search(asked);
        return { ...page, images: page.images.map(imageOut), total: gallery.count(asked) };
      },
    }),
    route({
      method: 'get',
      path: '/images/{id}',
      operation: 'getImage',
      tag,
      role: 'viewer',
      summary: 'What is known about a picture.',
      params: idParams,
      answer: image,
      handle: ({ params }, call) => imageOut(ownImage(studio, params.id, call)),
    }),
    route({
      method: 'get',
      path: '/images/{id}/file',
      operation: 'getImageFile',
      tag,
      role: 'viewer',
      summary: 'The picture file, parameters inside.',
      params: idParams,
      query: z.object({ download: z.boolean().default(false) }),
      answer: { description: 'The file.', type: 'image/*' },
      async handle({ params, query }, call) {
        const found = ownImage(studio, params.id, call);
        return await fileResponse(found, await gallery.open(found.id), query.download);
      },
    }),
    route({
      method: 'get',
      path: '/images/{id}/thumbnail',
      operation: 'getThumbnail',
      tag,
      role: 'viewer',
      summary: 'A small copy, at most 320 pixels wide and high.',
      params: idParams,
      answer: { description: 'A WebP.', type: 'image/webp' },
      async handle({ params }, call) {
        const bytes = await gallery.thumbnail(ownImage(studio, params.id, call).id);
        return new Response(bytes as Uint8Array<ArrayBuffer>, {
          headers: { 'content-type': 'image/webp', 'cache-control': 'private, max-age=31536000, immutable' },
        });
      },
    }),
    route({
      method: 'patch',
      path: '/images/{id}',
      operation: 'changeImage',
      tag,
      role: 'user',
      summary: 'Rate or tag a picture.',
      params: idParams,
      body: z.strictObject({
        rating: z.int().min(0).max(5).optional(),
        tags: z.array(z.string().max(100)).max(100).optional().describe('Replaces the tags.'),
      }),
      answer: image,
      handle({ params, body }, call) {
        const { id } = ownImage(studio, params.id, call);
        if (body.rating !== undefined) gallery.rate(id, body.rating);
        if (body.tags !== undefined) gallery.setTags(id, body.tags);
        return imageOut(gallery.get(id));
      },
    }),
    ...trashRoutes(studio),
    ...boardRoutes(studio),
  ];
}

function trashRoutes(studio: Studio): Route[] {
  const { gallery } = studio;
  const own = (ids: readonly string[], call: Call) => ids.map((id) => ownImage(studio, id, call).id);
  const common = { tag, role: 'user', body: idsBody, answer: { status: 204, description: 'Done.' } } as const;
  return [
    route({
      ...common,
      method: 'post',
      path: '/images/trash',
      operation: 'trashImages',
      summary: 'Move pictures to the trash.',
      handle: async ({ body }, call) => await gallery.trash(own(body.ids, call)),
    }),
    route({
      ...common,
      method: 'post',
      path: '/images/restore',
      operation: 'restoreImages',
      summary: 'Bring pictures back from the trash.',
      handle: async ({ body }, call) => await gallery.restore(own(body.ids, call)),
    }),
    route({
      ...common,
      method: 'post',
      path: '/images/purge',
      operation: 'purgeImages',
      summary: 'Remove pictures in the trash for good; all that is there when ids are left out.',
      body: idsBody.partial(),
      answer: { description: 'How many.', schema: z.object({ removed: z.int() }) },
      async handle({ body }, call) {
        const user = scopeOf(call.caller);
        const which = body.ids
          ? { ids: own(body.ids, call) }
          : { before: Date.now() + 1, ...(user === undefined ? {} : { user }) };
        return { removed: await gallery.purge(which) };
      },
    }),
    route({
      method: 'get',
      path: '/gallery/facets',
      operation: 'getFacets',
      tag,
      role: 'viewer',
      summary: 'Tags, models and samplers of the pictures, for filters.',
      answer: {
        description: 'All of them.',
        schema: z.object({
          tags: z.array(z.object({ tag: z.string(), images: z.int() })),
          models: z.array(z.string()),
          samplers: z.array(z.string()),
        }),
      },
      handle: (_input, call) => {
        const user = scopeOf(call.caller);
        return { tags: gallery.tags(user), ...gallery.facets(user) };
      },
    }),
    route({
      method: 'post',
      path: '/gallery/rebuild',
      operation: 'rebuildGallery',
      tag,
      role: 'admin',
      summary: 'Make the index match the picture files.',
      answer: {
        description: 'What was found.',
        schema: z.object({
          added: z.int(),
          removed: z.int(),
          kept: z.int(),
          problems: z.array(z.object({ path: z.string(), message: z.string() })),
        }),
      },
      handle: async () => await studio.rebuild(),
    }),
  ];
}

function boardRoutes(studio: Studio): Route[] {
  const { boards } = studio;
  const answer = { description: 'The board.', schema: boardSchema };
  const nameBody = z.strictObject({ name: z.string() });
  const one = { tag: 'Boards', role: 'user', params: idParams, answer } as const;
  return [
    route({
      method: 'get',
      path: '/boards',
      operation: 'listBoards',
      tag: 'Boards',
      role: 'viewer',
      summary: 'Boards: named collections of pictures.',
      answer: { description: 'All of them.', schema: z.object({ boards: z.array(boardSchema) }) },
      handle: (_input, call) => ({ boards: boards.list(scopeOf(call.caller)) }),
    }),
    route({
      method: 'post',
      path: '/boards',
      operation: 'createBoard',
      tag: 'Boards',
      role: 'user',
      summary: 'Make a board.',
      body: nameBody,
      answer: { ...answer, status: 201 },
      handle: ({ body }, call) => boards.create(call.caller.name, body.name),
    }),
    route({
      ...one,
      method: 'patch',
      path: '/boards/{id}',
      operation: 'renameBoard',
      summary: 'Rename a board.',
      body: nameBody,
      handle: ({ params, body }, call) => boards.rename(ownBoard(studio, params.id, call).id, body.name),
    }),
    route({
      ...one,
      method: 'delete',
      path: '/boards/{id}',
      operation: 'removeBoard',
      summary: 'Remove a board; its pictures stay.',
      answer: { status: 204, description: 'Done.' },
      handle: ({ params }, call) => boards.remove(ownBoard(studio, params.id, call).id),
    }),
    ...(['add', 'take'] as const).map((verb) =>
      route({
        ...one,
        method: 'post',
        path: `/boards/{id}/${verb}`,
        operation: verb === 'add' ? 'addToBoard' : 'takeFromBoard',
        summary: verb === 'add' ? 'Put pictures on a board.' : 'Take pictures from a board.',
        body: idsBody,
        handle: ({ params, body }, call) => {
          for (const id of body.ids) ownImage(studio, id, call);
          return boards[verb](ownBoard(studio, params.id, call).id, body.ids);
        },
      }),
    ),
  ];
}

/** @throws UserError `image.unknown`, also for pictures that are not the caller's business */
export function ownImage(studio: Studio, id: string, call: Call): GalleryImage {
  const image = studio.gallery.get(id);
  if (!maySee(call.caller, image.user)) throw new UserError('image.unknown', `There is no picture ${id}.`);
  return image;
}

function ownBoard(studio: Studio, id: string, call: Call): Board {
  const board = studio.boards.get(id);
  if (!maySee(call.caller, board.user)) throw new UserError('board.unknown', `There is no board ${id}.`);
  return board;
}

/** Pictures never change once written, so they may be kept for good. */
async function fileResponse(image: GalleryImage, file: FileHandle, download: boolean): Promise<Response> {
  const { size } = await file.stat();
  const name = basename(image.path).replaceAll(/[^\w.() -]/g, '_');
  const stream = Readable.toWeb(file.createReadStream()) as ReadableStream<Uint8Array>;
  return new Response(stream, {
    headers: {
      'content-type': mediaTypes[image.format] ?? 'application/octet-stream',
      'content-length': String(size),
      'cache-control': 'private, max-age=31536000, immutable',
      ...(download ? { 'content-disposition': `attachment; filename="${name}"` } : {}),
    },
  });
}
