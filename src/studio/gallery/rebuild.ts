/**
 * From files to index: the whole gallery again (`darkroom library rebuild`), and after a kill the few files that had
 * been written but not noted down, or moved to the trash but not marked.
 */

import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Emit } from '../events/bus.ts';
import { inTurns } from '../events/next-turn.ts';
import { isMissing } from '../files/disk-error.ts';
import { pathInside } from '../files/safe-path.ts';
import type { Database } from '../store/database.ts';
import { equals } from '../store/table.ts';
import type { GalleryEvents, RebuildReport } from './image.ts';
import type { ReadPicture } from './picture-file.ts';
import { PictureIndex, type PicturePlace } from './picture-index.ts';
import { dateFolder, localUser, readPicturePath, trashFolder } from './picture-path.ts';

/** A file that could not be taken into the index, and why. */
export interface FileProblem {
  readonly path: string;
  readonly message: string;
}

/**
 * Makes the index match the files: adds what is not in it, and marks what has no file as away. Nothing that was said
 * of a picture is forgotten, since a folder may only be unmounted or renamed; what comes back is as it was.
 */
export async function rebuildGallery(
  db: Database,
  outputs: string,
  read: ReadPicture,
  emit: Emit<GalleryEvents>,
): Promise<RebuildReport> {
  const index = new PictureIndex(db);
  const missing = new Map<string, PicturePlace>();
  for await (const place of index.places()) missing.set(place.path, place);
  const fresh: FoundFile[] = [];
  let seen = 0;
  let back = 0;
  for await (const file of allPictureFiles(outputs)) {
    if (++seen % 100 === 0) emit('gallery.rebuild', { seen, finished: false }, { keep: false });
    const known = missing.get(file.path);
    if (!known) fresh.push(file);
    else if (known.awayAt !== undefined) {
      index.update(known.id, { awayAt: undefined });
      back++;
    }
    missing.delete(file.path);
  }
  const moved = new Map([...missing.values()].map((entry) => [placeKey(entry), entry]));
  const problems: FileProblem[] = [];
  let added = 0;
  for (const file of fresh) {
    const key = placeKey(readPicturePath(file.path));
    const entry = key === undefined ? undefined : moved.get(key);
    if (entry && missing.delete(entry.path)) {
      index.update(entry.id, { path: file.path, awayAt: undefined, trashedAt: file.trashed ? Date.now() : undefined });
      back++;
    } else if (await tryRegister({ index, read }, file, problems)) added++;
  }
  const away = [...missing.values()].filter(({ awayAt }) => awayAt === undefined);
  for await (const { id } of inTurns(away)) index.update(id, { awayAt: Date.now() });
  emit('gallery.rebuild', { seen, finished: true });
  return { added, away: missing.size, back, kept: seen - added - problems.length, problems };
}

/** Notes down a job's pictures that are on disk but not in the index; a file that is none is named and left alone. */
export async function adoptPictures(db: Database, outputs: string, read: ReadPicture, job: Adopter): Promise<Adopted> {
  const index = new PictureIndex(db);
  const below = job.user === localUser ? '' : `${job.user}/`;
  // A day earlier: the clock may have been set back, or the time zone changed.
  const first = dateFolder(new Date(job.createdAt - 86_400_000));
  const known = new Set(index.all(equals('job', job.id)).map(({ path }) => path));
  const problems: FileProblem[] = [];
  let adopted = 0;
  for (const day of await names(join(outputs, below))) {
    if (!/^\d{4}-\d{2}-\d{2}$/.test(day) || day < first) continue;
    for (const name of await names(join(outputs, below, day))) {
      const path = `${below}${day}/${name}`;
      if (!name.startsWith(`${job.id}-`) || !isPictureName(name) || known.has(path)) continue;
      if (await tryRegister({ index, read }, { folder: outputs, path, trashed: false }, problems)) adopted++;
    }
  }
  return { adopted, problems };
}

interface Adopted {
  readonly adopted: number;
  readonly problems: readonly FileProblem[];
}

interface Adopter {
  readonly id: string;
  readonly user: string;
  readonly createdAt: number;
}

/** Takes pictures that others put below the outputs into the index. @returns the ids of the new ones */
export async function adoptFiles(
  db: Database,
  outputs: string,
  read: ReadPicture,
  paths: readonly string[],
): Promise<string[]> {
  const index = new PictureIndex(db);
  const problems: FileProblem[] = [];
  const added: string[] = [];
  for (const path of paths) {
    // Those of a job are noted by the one who writes them.
    if (!isPictureName(path) || readPicturePath(path).job !== undefined) continue;
    const known = index.all(equals('path', path))[0];
    if (known?.awayAt !== undefined) index.update(known.id, { awayAt: undefined });
    if (known) continue;
    const id = await tryRegister({ index, read }, { folder: outputs, path, trashed: false }, problems);
    if (id !== undefined) added.push(id);
  }
  return added;
}

/** Where a picture's file is decides whether it is in the trash: mends moves that a kill interrupted. */
export async function mendTrash(db: Database, outputs: string): Promise<void> {
  const index = new PictureIndex(db);
  const trash = join(outputs, trashFolder);
  for await (const { id, path } of index.places({ sql: 'trashed_at IS NOT NULL', params: [] })) {
    if ((await isThere(join(trash, path))) || !(await isThere(join(outputs, path)))) continue;
    index.update(id, { trashedAt: undefined });
  }
  for await (const path of pictureFiles(trash)) {
    if (await isThere(join(outputs, path))) continue;
    const [entry] = index.all({ sql: 'path = ? AND trashed_at IS NULL', params: [path] });
    if (entry) index.update(entry.id, { trashedAt: Date.now() });
  }
}

interface Parts {
  readonly index: PictureIndex;
  readonly read: ReadPicture;
}

interface FoundFile {
  /** The outputs, or the trash in them. */
  readonly folder: string;
  readonly path: string;
  readonly trashed: boolean;
}

async function* allPictureFiles(outputs: string): AsyncGenerator<FoundFile> {
  const trash = join(outputs, trashFolder);
  for await (const path of pictureFiles(outputs)) yield { folder: outputs, path, trashed: false };
  for await (const path of pictureFiles(trash)) yield { folder: trash, path, trashed: true };
}

/** A job's picture is the same one wherever its file was moved. */
function placeKey({ job, index }: { readonly job?: string; readonly index?: number }): string | undefined {
  return job === undefined || index === undefined ? undefined : `${job} ${index}`;
}

async function tryRegister(parts: Parts, file: FoundFile, problems: FileProblem[]): Promise<string | undefined> {
  try {
    return await register(parts, file);
  } catch (error) {
    problems.push({ path: file.path, message: error instanceof Error ? error.message : String(error) });
    return undefined;
  }
}

/** @throws UserError `path.invalid` for a name that no request could ask for later */
async function register({ index, read }: Parts, { folder, path, trashed }: FoundFile): Promise<string> {
  const { modifiedAt, fields, ...facts } = await read(pathInside(folder, path));
  const name = readPicturePath(path);
  const isFree = name.job !== undefined && index.at(name.job, name.index!) === undefined;
  const { id } = index.add({
    ...facts,
    ...fields,
    seed: fields.seed ?? name.seed,
    user: name.user,
    job: isFree ? name.job : undefined,
    index: isFree ? name.index : undefined,
    path,
    createdAt: modifiedAt,
    trashedAt: trashed ? Date.now() : undefined,
  });
  return id;
}

/** Paths of pictures below a folder, forward slashes; folders that begin with a dot and links are left out. */
async function* pictureFiles(root: string, below = ''): AsyncGenerator<string> {
  let entries: Awaited<ReturnType<typeof readEntries>>;
  try {
    entries = await readEntries(join(root, below));
  } catch (error) {
    if (isMissing(error)) return;
    throw error;
  }
  for (const entry of entries) {
    if (entry.name.startsWith('.')) continue;
    const path = below === '' ? entry.name : `${below}/${entry.name}`;
    if (entry.isDirectory()) yield* pictureFiles(root, path);
    else if (entry.isFile() && isPictureName(entry.name)) yield path;
  }
}

const isPictureName = (name: string): boolean => /\.(png|jpe?g|webp)$/i.test(name);

async function readEntries(folder: string) {
  const entries = await readdir(folder, { withFileTypes: true });
  return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
}

async function names(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

async function isThere(file: string): Promise<boolean> {
  try {
    await stat(file);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}
