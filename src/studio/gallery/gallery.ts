/**
 * The gallery: pictures as plain files below one folder, with an index in the database. The files are the truth: each
 * is whole, says by its infotext how it was made, and the index can be built again from them.
 */

import { type FileHandle, readFile, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { UserError } from '#core/errors';
import { galleryNames } from '#pipelines/settings/index';
import type { Emit } from '../events/bus.ts';
import { inTurns, nextTurn } from '../events/next-turn.ts';
import { diskError, isMissing } from '../files/disk-error.ts';
import { openPlainFile } from '../files/plain-file.ts';
import { pathInside, realPathInside } from '../files/safe-path.ts';
import { type FileSystemCalls, sweepTemporary, systemCalls, writeWholeFile } from '../files/whole-file.ts';
import { encodeImage, makeThumbnail } from '../images/codec.ts';
import { withReader } from '../reader/host.ts';
import type { Database } from '../store/database.ts';
import { patiently } from '../store/patience.ts';
import { allOf, equals } from '../store/table.ts';
import type { GalleryEvents, GalleryImage, ImagePage, ImageQuery, NewPicture } from './image.ts';
import { type PictureFacts, PictureIndex } from './picture-index.ts';
import { picturePath, temporaryFolder, trashFolder } from './picture-path.ts';
import { adoptFiles } from './rebuild.ts';

export interface GalleryOptions {
  readonly db: Database;
  /** Folder of the picture files. */
  readonly outputs: string;
  /** Folder of small copies; may be deleted at any time. */
  readonly thumbnails: string;
  readonly emit: Emit<GalleryEvents>;
  readonly calls?: FileSystemCalls;
}

/** Tags, and models, of one answer. */
const mostTold = 2000;

export class Gallery {
  readonly #db: Database;
  readonly #index: PictureIndex;
  readonly #outputs: string;
  readonly #thumbnails: string;
  readonly #emit: Emit<GalleryEvents>;
  readonly #calls: FileSystemCalls;
  readonly #moving = new Map<string, Promise<void>>();

  constructor(options: GalleryOptions) {
    this.#db = options.db;
    this.#index = new PictureIndex(options.db);
    this.#outputs = options.outputs;
    this.#thumbnails = options.thumbnails;
    this.#emit = options.emit;
    this.#calls = options.calls ?? systemCalls;
  }

  /**
   * Writes a picture and notes it down. A job's picture that is there already is not made twice.
   * @throws DarkroomError `disk-full`, `disk.*`, `image.encode`; no file and no entry are left then
   */
  async save(picture: NewPicture): Promise<GalleryImage> {
    const known = this.#index.at(picture.job, picture.index);
    if (known) return known;
    const now = new Date();
    const { image, format, infotext, quality, request, model, user, job, index, seed } = picture;
    const bytes = await encodeImage(image, format, infotext, { quality });
    const path = picturePath(picture, format, now);
    await this.#write(path, bytes);
    const { prompt, negativePrompt } = request;
    const settings = Object.fromEntries(galleryNames.map((name) => [name, request[name]]));
    const made = { ...settings, prompt, negativePrompt, seed, infotext };
    const { width, height } = image;
    const file = { path, format, bytes: bytes.length, width, height, createdAt: now.getTime() };
    // What follows is long where prompts are.
    await nextTurn();
    const saved = await this.#note({ user, job, index, ...file, ...made, model: model.name, modelHash: model.hash });
    this.#emit('image.added', saved, { user: saved.user });
    return saved;
  }

  /** @throws UserError `image.unknown` */
  get(id: string): GalleryImage {
    const image = this.#index.get(id);
    if (!image) throw new UserError('image.unknown', `There is no picture ${id}.`);
    return image;
  }

  /** @throws UserError `page.cursor` */
  search(query: ImageQuery = {}): ImagePage {
    return this.#index.search(query);
  }

  /** The same of a page that may be long, in several turns of the event loop; it may end before its limit. */
  async page(query: ImageQuery): Promise<ImagePage & { readonly total: number }> {
    return await this.#index.page(query);
  }

  /** A job's picture at a place, when it is known. */
  at(job: string, index: number): GalleryImage | undefined {
    return this.#index.at(job, index);
  }

  count(query: ImageQuery = {}): number {
    return this.#index.count(query);
  }

  /** All pictures of a job that are in the gallery, however many, by their place. */
  async ofJob(job: string): Promise<GalleryImage[]> {
    return await this.#index.ofJob(job);
  }

  /** Of a user's files, the trash included. */
  bytesOf(user: string): number {
    return this.#index.bytesOf(user);
  }

  /** Places of a job's pictures that are known, the trash and those away included. */
  delivered(job: string): ReadonlySet<number> {
    return this.#index.placesOf(job);
  }

  /** Where a picture's file should be, unchecked. */
  pathOf({ path, trashedAt }: Pick<GalleryImage, 'path' | 'trashedAt'>): string {
    return join(this.#outputs, trashedAt === undefined ? '' : trashFolder, path);
  }

  /** Absolute path of a picture's file, checked to lie inside the outputs. @throws UserError `image.unknown`, `image.gone` */
  async file(id: string): Promise<string> {
    const row = this.get(id);
    const path = await realPathInside(this.#folderOf(row), row.path);
    try {
      await stat(path);
      return path;
    } catch (error) {
      if (!isMissing(error)) throw error;
      throw goneError(row, error);
    }
  }

  /** A picture's file for reading, also when it is being moved to the trash or back. @throws as `file` does */
  async open(id: string): Promise<FileHandle> {
    for (let again = true; ; again = false) {
      try {
        return await openPlainFile(await this.file(id));
      } catch (error) {
        if (!isMissing(error)) throw error;
        if (!again) throw goneError(this.get(id), error);
      }
    }
  }

  /** @throws as `file` does */
  async read(id: string): Promise<Buffer<ArrayBuffer>> {
    const file = await this.open(id);
    try {
      return await file.readFile();
    } finally {
      await file.close();
    }
  }

  /** WebP that fits 320 x 320, kept for the next time. */
  async thumbnail(id: string): Promise<Uint8Array> {
    const kept = this.#thumbnailFile(this.get(id).id);
    try {
      return await readFile(kept);
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
    const bytes = await makeThumbnail(await this.read(id));
    // Only a convenience: a full disk must not keep the picture from being shown.
    await writeWholeFile(kept, bytes, join(this.#thumbnails, temporaryFolder), this.#calls).catch(() => {});
    return bytes;
  }

  rate(id: string, rating: number): GalleryImage {
    if (!Number.isInteger(rating) || rating < 0 || rating > 5) {
      throw new UserError('image.rating', `A rating is a whole number from 0 to 5, got ${rating}.`);
    }
    this.#index.update(this.get(id).id, { rating });
    return this.#changed(id);
  }

  /** Replaces the tags of a picture. */
  setTags(id: string, tags: readonly string[]): GalleryImage {
    const clean = [...new Set(tags.map((tag) => tag.trim().toLowerCase()).filter((tag) => tag !== ''))];
    const long = clean.find((tag) => tag.length > 100);
    if (long !== undefined || clean.length > 100) {
      throw new UserError('image.tags', 'A picture has at most 100 tags of at most 100 characters each.');
    }
    this.get(id);
    this.#db.transaction(() => {
      this.#db.run('DELETE FROM image_tags WHERE image = ?', [id]);
      for (const tag of clean) this.#db.run('INSERT INTO image_tags (image, tag) VALUES (?, ?)', [id, tag]);
    });
    return this.#changed(id);
  }

  /** Tags with the number of pictures that have them: the most used, and those first. */
  async tags(user?: string): Promise<readonly { readonly tag: string; readonly images: number }[]> {
    return await this.#index.tags(user, mostTold);
  }

  /** Models and samplers that pictures were made with, for filters. */
  async facets(user?: string): Promise<{ readonly models: string[]; readonly samplers: string[] }> {
    const [models, samplers] = await Promise.all([
      this.#index.valuesOf('model', user, mostTold),
      this.#index.valuesOf('sampler', user, mostTold),
    ]);
    return { models, samplers };
  }

  /** Moves pictures to the trash; `restore` brings them back. */
  async trash(ids: readonly string[]): Promise<void> {
    for (const id of ids) await this.#inTurn(id, async () => await this.#moveToOrFromTrash(id, Date.now()));
  }

  async restore(ids: readonly string[]): Promise<void> {
    for (const id of ids) await this.#inTurn(id, async () => await this.#moveToOrFromTrash(id, undefined));
  }

  /** Removes pictures in the trash for good: the given ones, or all that were put there before `before`. */
  async purge(
    which: { readonly ids: readonly string[] } | { readonly before: number; readonly user?: string },
  ): Promise<number> {
    const chosen = 'ids' in which ? this.#inTrash(which.ids) : this.#old(which);
    let failure: unknown;
    let removed = 0;
    for await (const id of chosen) {
      try {
        if (await this.#inTurn(id, async () => await this.#purge(id))) removed++;
      } catch (error) {
        // The others go; this one stays in the trash.
        failure ??= error;
      }
    }
    if (failure !== undefined) throw failure;
    return removed;
  }

  /** @throws UserError `image.unknown`, before any is told */
  async *#inTrash(ids: readonly string[]): AsyncGenerator<string> {
    const chosen: string[] = [];
    for await (const id of inTurns(ids)) if (this.get(id).trashedAt !== undefined) chosen.push(id);
    yield* chosen;
  }

  async *#old({ before, user }: { readonly before: number; readonly user?: string }): AsyncGenerator<string> {
    const where = allOf([{ sql: 'trashed_at < ?', params: [before] }, equals('user', user)]);
    for await (const { id } of this.#index.places(where)) yield id;
  }

  /** Takes in what others put below the outputs; paths that are no pictures are left alone. */
  async adopt(paths: readonly string[]): Promise<void> {
    const adopted = await withReader('picture', async (read) => {
      return await adoptFiles(this.#db, this.#outputs, read, paths);
    });
    for (const id of adopted) {
      const image = this.get(id);
      this.#emit('image.added', image, { user: image.user });
    }
  }

  /** Start-up: removes half-written files of a killed process. */
  async sweep(): Promise<number> {
    await sweepTemporary(join(this.#thumbnails, temporaryFolder));
    return await sweepTemporary(join(this.#outputs, temporaryFolder));
  }

  /** @returns whether it was still in the trash: of many some may have been restored meanwhile */
  async #purge(id: string): Promise<boolean> {
    const row = this.#index.get(id);
    if (row?.trashedAt === undefined) return false;
    const file = pathInside(join(this.#outputs, trashFolder), row.path);
    try {
      await rm(file, { force: true });
    } catch (error) {
      throw diskError(error, file);
    }
    await rm(this.#thumbnailFile(id), { force: true });
    await patiently(() => this.#index.remove(id));
    this.#emit('image.removed', { id }, { user: row.user });
    return true;
  }

  /** What moves or removes the file of one picture, one after the other: two at once would lose it. */
  async #inTurn<T>(id: string, work: () => Promise<T>): Promise<T> {
    const mine = (this.#moving.get(id) ?? Promise.resolve()).then(work);
    const settled = mine.then(
      () => {},
      () => {},
    );
    this.#moving.set(id, settled);
    try {
      return await mine;
    } finally {
      if (this.#moving.get(id) === settled) this.#moving.delete(id);
    }
  }

  async #moveToOrFromTrash(id: string, trashedAt: number | undefined): Promise<void> {
    const row = this.get(id);
    if ((row.trashedAt === undefined) === (trashedAt === undefined)) return;
    const trash = join(this.#outputs, trashFolder);
    const [from, to] = trashedAt === undefined ? [trash, this.#outputs] : [this.#outputs, trash];
    const target = pathInside(to, row.path);
    await this.#calls.mkdir(dirname(target));
    try {
      await this.#calls.rename(pathInside(from, row.path), target);
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
    await patiently(() => this.#index.update(id, { trashedAt }));
    this.#changed(id);
  }

  /** A picture that cannot be noted down is removed again: what made it will be told, and may make it anew. */
  async #note(facts: PictureFacts): Promise<GalleryImage> {
    try {
      return await patiently(() => this.#index.add(facts));
    } catch (error) {
      await rm(pathInside(this.#outputs, facts.path), { force: true });
      throw error;
    }
  }

  #write(path: string, bytes: Uint8Array): Promise<void> {
    const file = pathInside(this.#outputs, path);
    return writeWholeFile(file, bytes, join(this.#outputs, temporaryFolder), this.#calls);
  }

  #thumbnailFile(id: string): string {
    return join(this.#thumbnails, id.slice(-2), `${id}.webp`);
  }

  #folderOf({ trashedAt }: GalleryImage): string {
    return trashedAt === undefined ? this.#outputs : join(this.#outputs, trashFolder);
  }

  #changed(id: string): GalleryImage {
    const image = this.get(id);
    this.#emit('image.changed', image, { user: image.user });
    return image;
  }
}

function goneError({ id, path }: GalleryImage, cause: unknown): UserError {
  return new UserError('image.gone', `The file of picture ${id} (${path}) is gone.`, { cause });
}
