/** Handlers of the gallery and of boards. */

import { basename } from 'node:path';
import type { boards, pictures } from '#api/operations/pictures';
import { type Caller, maySee, scopeOf } from '#api/rights';
import { UserError } from '#core/errors';
import { settingsOfInfotext } from '#pipelines/settings/index';
import { inTurns } from '../events/next-turn.ts';
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
    const asked = { ...query, user, board: board === undefined ? undefined : studio.boards.find(board, user) };
    const page = await studio.gallery.page(asked);
    const images: ReturnType<typeof locatedPicture>[] = [];
    for await (const image of inTurns(page.images, 100)) images.push(locatedPicture(image, studio, caller));
    return { ...page, images };
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
    const named: { name: string; file: string }[] = [];
    for await (const id of inTurns(ids))
      named.push({ name: ownImage(studio, id, caller).path, file: await studio.gallery.file(id) });
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
    await checkOwn(studio, ids, caller);
    await studio.gallery.trash(ids);
  },
  async restoreImages({ ids }, { studio, caller }) {
    await checkOwn(studio, ids, caller);
    await studio.gallery.restore(ids);
  },
  async purgeImages({ ids, olderThanDays }, { studio, caller }) {
    await checkOwn(studio, ids ?? [], caller);
    const old = { before: Date.now() + 1 - olderThanDays * dayMs, user: scopeOf(caller) };
    return { removed: await studio.gallery.purge(ids ? { ids } : old) };
  },
  async getFacets(_input, { studio, caller }) {
    const user = scopeOf(caller);
    return { tags: [...(await studio.gallery.tags(user))], ...(await studio.gallery.facets(user)) };
  },
  listTags: async (_input, { studio, caller }) => ({ tags: [...(await studio.gallery.tags(scopeOf(caller)))] }),
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
  listBoards: async (_input, { studio, caller }) => ({ boards: [...(await studio.boards.list(scopeOf(caller)))] }),
  createBoard: async ({ name }, { studio, caller }) => await studio.boards.create(caller.name, name),
  renameBoard: async ({ id, name }, { studio, caller }) =>
    await studio.boards.rename(ownBoard(studio, id, caller), name),
  removeBoard: ({ id }, { studio, caller }) => studio.boards.remove(ownBoard(studio, id, caller)),
  addToBoard: async ({ id, ids }, { studio, caller }) => {
    const board = ownBoard(studio, id, caller);
    await checkOwn(studio, ids, caller);
    return await studio.boards.add(board, ids);
  },
  takeFromBoard: async ({ id, ids }, { studio, caller }) => {
    const board = ownBoard(studio, id, caller);
    await checkOwn(studio, ids, caller);
    return await studio.boards.take(board, ids);
  },
} satisfies HandlersOf<typeof boards>;

/** @throws UserError `image.unknown`, also for pictures that are not the caller's business */
function ownImage(studio: StudioFolder, id: string, caller: Caller): GalleryImage {
  const image = studio.gallery.get(id);
  if (!maySee(caller, image.user)) throw new UserError('image.unknown', `There is no picture ${id}.`);
  return image;
}

/** All of them, before anything is done to any. @throws as `ownImage` does */
async function checkOwn(studio: StudioFolder, ids: readonly string[], caller: Caller): Promise<void> {
  for await (const id of inTurns(ids)) ownImage(studio, id, caller);
}

function ownBoard(studio: StudioFolder, id: string, caller: Caller): string {
  if (!maySee(caller, studio.boards.ownerOf(id))) throw new UserError('board.unknown', `There is no board ${id}.`);
  return id;
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
