/** The gallery: pictures, their trash, and boards. */

import { z } from 'zod';
import { operation } from '../operation.ts';
import { pictureText } from '../picture-text.ts';
import { idOf } from '../records/id.ts';
import { boardSchema, pictureSchema } from '../records/picture.ts';

const tag = 'Gallery';
const changes = ['own work'] as const;
const id = idOf('picture');
const ids = z.array(id).min(1).max(1000);
const tags = z.array(z.string().max(100)).max(100);

export const pictures = {
  searchImages: operation({
    method: 'get',
    path: '/images',
    tag,
    summary: 'Search the gallery.',
    input: z.object({
      text: z.string().max(500).optional().describe('Words of the prompt; "a phrase", -without.'),
      model: z.string().max(500).optional().describe('Made with this model (name or hash).'),
      sampler: z.string().max(100).optional().describe('Made with this sampler.'),
      from: z
        .number()
        .optional()
        .describe('Not before this day or time (in requests milliseconds since 1970).')
        .meta({ day: 'start' }),
      to: z
        .number()
        .optional()
        .describe('Not after this day or time (in requests milliseconds since 1970).')
        .meta({ day: 'end' }),
      minRating: z.int().min(0).max(5).optional().describe('With at least so many stars.'),
      tags: tags.max(20).optional().describe('With all of these tags; may be repeated.').meta({ flag: 'tag' }),
      board: z.string().optional().describe('On this board (name or id).').meta({ of: 'board' }),
      user: z.string().optional().describe('Of this account.'),
      job: z.string().optional().describe('Of this job.').meta({ of: 'job' }),
      trashed: z.boolean().optional().describe('The trash instead of the gallery.'),
      away: z.boolean().optional().describe('Pictures whose files are not where they should be.'),
      order: z.enum(['newest', 'oldest', 'rating']).default('newest').describe('Which first.'),
      limit: z.int().min(1).max(500).default(50).describe('At most so many.'),
      cursor: z.string().max(200).optional(),
    }),
    output: z.object({
      images: z.array(pictureSchema),
      total: z.int().describe('Pictures on all pages.'),
      cursor: z.string().optional(),
    }),
    command: {
      usage: 'gallery search [text...]',
      examples: ['gallery search red fox', 'gallery search --min-rating 4 --from 2026-11-01', 'gallery search --json'],
    },
  }),
  // Before /images/{id}, which would take archive for an id.
  archiveImages: operation({
    method: 'get',
    path: '/images/archive',
    tag,
    kind: 'file',
    media: 'application/zip',
    summary: 'Picture files together in one archive.',
    input: z.object({ ids: z.array(id).min(1).max(300).describe('Of pictures; repeated for each.') }),
  }),
  getImage: operation({
    method: 'get',
    path: '/images/{id}',
    tag,
    summary: 'What is known about a picture.',
    input: z.object({ id }),
    output: pictureSchema,
    command: { usage: 'gallery show <id>' },
  }),
  getImageFile: operation({
    method: 'get',
    path: '/images/{id}/file',
    tag,
    kind: 'file',
    media: 'image/*',
    summary: 'The picture file, parameters inside.',
    input: z.object({ id, download: z.boolean().default(false).describe('To be saved, not shown.') }),
  }),
  getThumbnail: operation({
    method: 'get',
    path: '/images/{id}/thumbnail',
    tag,
    kind: 'file',
    media: 'image/webp',
    summary: 'A small copy, at most 320 pixels wide and high.',
    input: z.object({ id }),
  }),
  readParameters: operation({
    method: 'post',
    path: '/parameters/read',
    tag,
    form: true,
    summary: 'Parameters inside a picture of this or another program, or in a text, and the request that they make.',
    input: z.object({
      picture: pictureText.optional().describe('Holds the parameters.'),
      text: z.string().max(1_000_000).optional().describe('The parameters themselves.'),
    }),
    output: z.object({
      infotext: z.string().optional().describe('In the web UI’s form; absent when there is none.'),
      request: z.record(z.string(), z.unknown()).describe('Settings by their names in requests.'),
      others: z.record(z.string(), z.string()).describe('Other texts of a PNG, by keyword.'),
    }),
  }),
  changeImage: operation({
    method: 'patch',
    path: '/images/{id}',
    tag,
    changes,
    summary: 'Rate a picture: 1 to 5 stars, or 0 for none; or replace its tags.',
    input: z.object({
      id,
      rating: z.int().min(0).max(5).optional().describe('Stars.'),
      tags: tags.optional().describe('Replaces the tags.').meta({ flag: false }),
    }),
    output: pictureSchema,
    command: { usage: 'gallery rate <id> <rating>' },
  }),
  tagImage: operation({
    method: 'post',
    path: '/images/{id}/tags',
    tag,
    changes,
    summary: 'Add tags to a picture, or take them away.',
    input: z.object({
      id,
      tags: tags.default([]).describe('Tags.'),
      remove: z.boolean().default(false).describe('Take these tags away instead.'),
      replace: z.boolean().default(false).describe('Let it have these tags only.'),
    }),
    output: pictureSchema,
    command: { usage: 'gallery tag <id> [tags...]', examples: ['gallery tag 1m8dcpx fox night'] },
  }),
  trashImages: operation({
    method: 'post',
    path: '/images/trash',
    tag,
    changes,
    summary: 'Move pictures to the trash; restore brings them back.',
    input: z.object({ ids }),
    command: { usage: 'gallery trash <ids...>', shows: 'getImage' },
  }),
  restoreImages: operation({
    method: 'post',
    path: '/images/restore',
    tag,
    changes,
    summary: 'Bring pictures back from the trash.',
    input: z.object({ ids }),
    command: { usage: 'gallery restore <ids...>', shows: 'getImage' },
  }),
  purgeImages: operation({
    method: 'post',
    path: '/images/purge',
    tag,
    changes,
    summary: 'Remove pictures in the trash for good; all that is there when ids are left out.',
    input: z.object({
      ids: ids.optional().meta({ flag: false }),
      olderThanDays: z
        .number()
        .min(0)
        .max(100_000)
        .default(0)
        .describe('Only what has been there for so many days.')
        .meta({ flag: 'older-than' }),
    }),
    output: z.object({ removed: z.int() }),
    command: {
      usage: 'gallery empty-trash',
      ask: 'Remove pictures in the trash for good?',
      examples: ['gallery empty-trash --older-than 7 --yes'],
    },
  }),
  getFacets: operation({
    method: 'get',
    path: '/gallery/facets',
    tag,
    summary: 'Tags, models and samplers of the pictures, for filters.',
    output: z.object({
      tags: z.array(z.object({ tag: z.string(), images: z.int() })),
      models: z.array(z.string()),
      samplers: z.array(z.string()),
    }),
  }),
  listTags: operation({
    method: 'get',
    path: '/gallery/tags',
    tag,
    summary: 'The most used tags, each with the number of its pictures; 2,000 at most.',
    output: z.object({ tags: z.array(z.object({ images: z.int(), tag: z.string() })) }),
    command: { usage: 'gallery tags' },
  }),
  rebuildGallery: operation({
    method: 'post',
    path: '/gallery/rebuild',
    tag,
    changes: ['gallery'],
    summary: 'Make the gallery’s index match the picture files.',
    output: z.object({
      added: z.int(),
      kept: z.int(),
      away: z.int().describe('Without a file now; all that was said of them is kept.'),
      back: z.int().describe('Of the kept ones, those that had been away.'),
      problems: z.array(z.object({ path: z.string(), message: z.string() })),
    }),
    // A server that writes pictures meanwhile would see them noted down twice, or taken away.
    command: { usage: 'library rebuild', creates: true, alone: true },
  }),
};

const board = idOf('board');
const name = z.string().describe('What it is called.');

export const boards = {
  listBoards: operation({
    method: 'get',
    path: '/boards',
    tag: 'Boards',
    summary: 'Boards: named collections of pictures.',
    output: z.object({ boards: z.array(boardSchema) }),
    command: { usage: 'board list' },
  }),
  createBoard: operation({
    method: 'post',
    path: '/boards',
    tag: 'Boards',
    changes,
    summary: 'Make a board.',
    input: z.object({ name }),
    output: boardSchema,
    status: 201,
    command: { usage: 'board create <name>' },
  }),
  renameBoard: operation({
    method: 'patch',
    path: '/boards/{id}',
    tag: 'Boards',
    changes,
    summary: 'Rename a board.',
    input: z.object({ id: board, name }),
    output: boardSchema,
    command: { usage: 'board rename <id> <name>' },
  }),
  removeBoard: operation({
    method: 'delete',
    path: '/boards/{id}',
    tag: 'Boards',
    changes,
    summary: 'Remove a board; its pictures stay.',
    input: z.object({ id: board }),
    command: { usage: 'board remove <id>', ask: 'Remove this board?' },
  }),
  addToBoard: operation({
    method: 'post',
    path: '/boards/{id}/add',
    tag: 'Boards',
    changes,
    summary: 'Put pictures on a board.',
    input: z.object({ id: board, ids }),
    output: boardSchema,
    command: { usage: 'board add <id> <ids...>' },
  }),
  takeFromBoard: operation({
    method: 'post',
    path: '/boards/{id}/take',
    tag: 'Boards',
    changes,
    summary: 'Take pictures from a board.',
    input: z.object({ id: board, ids }),
    output: boardSchema,
    command: { usage: 'board take <id> <ids...>' },
  }),
};
