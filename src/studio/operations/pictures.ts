/** Handlers of the gallery and of boards. */

import { basename } from 'node:path';
import type { boards, pictures } from '#api/operations/pictures';
import type { Board } from '#api/records/picture';
import { type Caller, maySee, scopeOf } from '#api/rights';
import { UserError } from '#core/errors';
import { settingsOfInfotext } from '#pipelines/settings/index';
import { archived } from '../gallery/archive.ts';
import type { GalleryImage } from '../gallery/image.ts';
import { localCheckpoint, withLocalNames } from '../library/local-names.ts';
import type { StudioFolder } from '../studio-folder.ts';
import type { Context, HandlersOf } from './context.ts';
import { locatedPicture } from './told.ts';

const dayMs = 86_400_000;

export const pictureHandlers = {
  async searchImages({ board, ...query }, { studio, caller }) {
    const user = scopeOf(caller) ?? query.user;
    const asked = { ...query, user, board: board === undefined ? undefined : studio.boards.find(board, user).id };
    const page = await studio.gallery.page(asked);
    return { ...page, images: page.images.map((image) => locatedPicture(image, studio, caller)) };
  },
  getImage: ({ id }, { studio, caller }) => locatedPicture(ownImage(studio, id, caller), studio, caller),
  async getImageFile({ id, download }, { studio, caller }) {
    const { format, path } = ownImage(studio, id, caller);
    const body = await studio.gallery.open(id);
    const saveAs = download ? basename(path) : undefined;
    return { type: `image/${format}`, body, immutable: true, saveAs };
  },
  async getThumbnail({ id }, { studio, caller }) {
    const body = await studio.gallery.thumbnail(ownImage(studio, id, caller).id);
    return { type: 'image/webp', body, immutable: true };
  },
  async archiveImages({ ids }, { studio, caller }) {
    const images = ids.map((id) => ownImage(studio, id, caller));
    const named = await Promise.all(
      images.map(async ({ id, path }) => ({ name: path, file: await studio.gallery.file(id) })),
    );
    return { type: 'application/zip', body: archived(named), saveAs: 'darkroom-pictures.zip' };
  },
  async readParameters({ picture, text }, context) {
    if (picture === undefined) return { infotext: text, request: await requestOf(text, context), others: {} };
    const { infotext, others } = await context.studio.readTexts(await context.readPicture(picture), context);
    return { infotext, request: await requestOf(infotext, context), others };
  },
  changeImage({ id, rating, tags }, { studio, caller }) {
    ownImage(studio, id, caller);
    if (rating !== undefined) studio.gallery.rate(id, rating);
    if (tags !== undefined) studio.gallery.setTags(id, tags);
    return locatedPicture(studio.gallery.get(id), studio, caller);
  },
  tagImage({ id, ...change }, { studio, caller }) {
    const before = ownImage(studio, id, caller).tags;
    return locatedPicture(studio.gallery.setTags(id, changedTags(before, change)), studio, caller);
  },
  async trashImages({ ids }, { studio, caller }) {
    for (const id of ids) ownImage(studio, id, caller);
    await studio.gallery.trash(ids);
  },
  async restoreImages({ ids }, { studio, caller }) {
    for (const id of ids) ownImage(studio, id, caller);
    await studio.gallery.restore(ids);
  },
  async purgeImages({ ids, olderThanDays }, { studio, caller }) {
    for (const id of ids ?? []) ownImage(studio, id, caller);
    const old = { before: Date.now() + 1 - olderThanDays * dayMs, user: scopeOf(caller) };
    return { removed: await studio.gallery.purge(ids ? { ids } : old) };
  },
  getFacets(_input, { studio, caller }) {
    const user = scopeOf(caller);
    return { tags: studio.gallery.tags(user), ...studio.gallery.facets(user) };
  },
  listTags: (_input, { studio, caller }) => ({ tags: studio.gallery.tags(scopeOf(caller)) }),
  async rebuildGallery(_input, { studio }) {
    const { problems, ...counts } = await studio.rebuild();
    return { ...counts, problems: [...problems] };
  },
} satisfies HandlersOf<typeof pictures>;

/** What parameters ask for, by the names of files that are here; a text without a line of them is no request. */
async function requestOf(infotext: string | undefined, context: Context): Promise<Record<string, unknown>> {
  const { studio } = context;
  const { library } = studio;
  const parsed = await withLocalNames(await studio.readInfotext(infotext ?? '', context), library);
  if (parsed.Steps === undefined) return {};
  return { ...settingsOfInfotext(parsed), model: localCheckpoint(parsed, library) };
}

export const boardHandlers = {
  listBoards: (_input, { studio, caller }) => ({ boards: studio.boards.list(scopeOf(caller)) }),
  createBoard: ({ name }, { studio, caller }) => studio.boards.create(caller.name, name),
  renameBoard: ({ id, name }, { studio, caller }) => studio.boards.rename(ownBoard(studio, id, caller).id, name),
  removeBoard: ({ id }, { studio, caller }) => studio.boards.remove(ownBoard(studio, id, caller).id),
  addToBoard: ({ id, ids }, { studio, caller }) => {
    for (const each of ids) ownImage(studio, each, caller);
    return studio.boards.add(ownBoard(studio, id, caller).id, ids);
  },
  takeFromBoard: ({ id, ids }, { studio, caller }) => {
    for (const each of ids) ownImage(studio, each, caller);
    return studio.boards.take(ownBoard(studio, id, caller).id, ids);
  },
} satisfies HandlersOf<typeof boards>;

/** @throws UserError `image.unknown`, also for pictures that are not the caller's business */
function ownImage(studio: StudioFolder, id: string, caller: Caller): GalleryImage {
  const image = studio.gallery.get(id);
  if (!maySee(caller, image.user)) throw new UserError('image.unknown', `There is no picture ${id}.`);
  return image;
}

function ownBoard(studio: StudioFolder, id: string, caller: Caller): Board {
  const board = studio.boards.get(id);
  if (!maySee(caller, board.user)) throw new UserError('board.unknown', `There is no board ${id}.`);
  return board;
}

interface TagChange {
  readonly tags: readonly string[];
  readonly remove: boolean;
  readonly replace: boolean;
}

function changedTags(before: readonly string[], { tags, remove, replace }: TagChange): readonly string[] {
  if (remove && replace) throw new UserError('image.tags', 'remove and replace contradict each other.');
  if (replace) return tags;
  if (tags.length === 0) throw new UserError('image.tags', 'Name the tags.');
  const clean = tags.map((tag) => tag.trim().toLowerCase());
  return remove ? before.filter((tag) => !clean.includes(tag)) : [...before, ...clean];
}
