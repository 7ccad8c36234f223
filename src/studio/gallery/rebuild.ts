/**
 * From files to index: the whole gallery again (`darkroom library rebuild`), and after a kill the few files that had
 * been written but not noted down, or moved to the trash but not marked.
 */

import { open, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Emit } from '../events/bus.ts';
import { isMissing } from '../files/disk-error.ts';
import { readImageHeader, readInfotext } from '../images/codec.ts';
import type { Job } from '../queue/job.ts';
import type { Database } from '../store/database.ts';
import type { GalleryEvents, RebuildReport } from './image.ts';
import { infotextFields } from './infotext-fields.ts';
import { insertImage } from './insert-image.ts';
import { dateFolder, localUser, readPicturePath, trashFolder } from './picture-path.ts';

interface Entry {
  readonly id: string;
  readonly path: string;
  readonly trashed_at: number | null;
}

/** Makes the index match the files: adds what is not in it, removes what has no file. Ratings and tags of the rest stay. */
export async function rebuildGallery(db: Database, outputs: string, emit: Emit<GalleryEvents>): Promise<RebuildReport> {
  const entries = new Map(db.all<Entry>('SELECT id, path, trashed_at FROM images').map((row) => [row.path, row]));
  const problems: { path: string; message: string }[] = [];
  let seen = 0;
  let added = 0;
  for (const [folder, trashed] of [
    [outputs, false],
    [join(outputs, trashFolder), true],
  ] as const) {
    for await (const path of pictureFiles(folder)) {
      if (++seen % 100 === 0) emit('gallery.rebuild', { seen, finished: false }, { keep: false });
      if (entries.delete(path)) continue;
      try {
        await register(db, folder, path, trashed);
        added++;
      } catch (error) {
        problems.push({ path, message: error instanceof Error ? error.message : String(error) });
      }
    }
  }
  for (const { id } of entries.values()) db.run('DELETE FROM images WHERE id = ?', [id]);
  emit('gallery.rebuild', { seen, finished: true });
  return { added, removed: entries.size, kept: seen - added - problems.length, problems };
}

/** Notes down a job's pictures that are on disk but not in the index. Returns how many. */
export async function adoptPictures(db: Database, outputs: string, job: Job): Promise<number> {
  const root = job.user === localUser ? outputs : join(outputs, job.user);
  // A day earlier: the clock may have been set back, or the time zone changed.
  const first = dateFolder(new Date(job.createdAt - 86_400_000));
  const known = new Set(db.all<{ path: string }>('SELECT path FROM images WHERE job = ?', [job.id]).map((r) => r.path));
  let adopted = 0;
  for (const day of await names(root)) {
    if (!/^\d{4}-\d{2}-\d{2}$/.test(day) || day < first) continue;
    for (const name of await names(join(root, day))) {
      if (!name.startsWith(`${job.id}-`)) continue;
      const path = job.user === localUser ? `${day}/${name}` : `${job.user}/${day}/${name}`;
      if (known.has(path)) continue;
      await register(db, outputs, path, false);
      adopted++;
    }
  }
  return adopted;
}

/** Where a picture's file is decides whether it is in the trash: mends moves that a kill interrupted. */
export async function mendTrash(db: Database, outputs: string): Promise<void> {
  const trash = join(outputs, trashFolder);
  for (const row of db.all<Entry>('SELECT id, path, trashed_at FROM images WHERE trashed_at IS NOT NULL')) {
    if ((await isThere(join(trash, row.path))) || !(await isThere(join(outputs, row.path)))) continue;
    db.run('UPDATE images SET trashed_at = NULL WHERE id = ?', [row.id]);
  }
  for await (const path of pictureFiles(trash)) {
    if (await isThere(join(outputs, path))) continue;
    db.run('UPDATE images SET trashed_at = ? WHERE path = ? AND trashed_at IS NULL', [Date.now(), path]);
  }
}

async function register(db: Database, folder: string, path: string, trashed: boolean): Promise<void> {
  const file = join(folder, path);
  const { size, mtimeMs } = await stat(file);
  const { head, infotext } = await readStart(file);
  const { format, width, height } = await readImageHeader(head, { maxBytes: Number.POSITIVE_INFINITY });
  const name = readPicturePath(path);
  const free =
    name.job !== undefined && !db.get('SELECT 1 FROM images WHERE job = ? AND job_index = ?', [name.job, name.index]);
  const fields = infotextFields(infotext ?? '');
  insertImage(db, {
    model: undefined,
    modelHash: undefined,
    sampler: undefined,
    scheduler: undefined,
    steps: undefined,
    cfgScale: undefined,
    ...fields,
    seed: fields.seed ?? name.seed,
    user: name.user,
    job: free ? name.job : undefined,
    index: free ? name.index : undefined,
    path,
    format,
    bytes: size,
    width,
    height,
    createdAt: mtimeMs,
    infotext: infotext ?? '',
    ...(trashed ? { trashedAt: Date.now() } : {}),
  });
}

const startBytes = 2 ** 18;

/** As much of a file as its size and its infotext take: PNG and JPEG have them in front, WebP at the end. */
async function readStart(file: string): Promise<{ head: Uint8Array; infotext: string | undefined }> {
  const handle = await open(file, 'r');
  try {
    const { buffer, bytesRead } = await handle.read(new Uint8Array(startBytes), 0, startBytes, 0);
    const head = buffer.subarray(0, bytesRead);
    const infotext = readInfotext(head);
    if (infotext !== undefined || bytesRead < startBytes) return { head, infotext };
  } finally {
    await handle.close();
  }
  const whole = await readFile(file);
  return { head: whole, infotext: readInfotext(whole) };
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
    else if (entry.isFile() && /\.(png|jpe?g|webp)$/i.test(entry.name)) yield path;
  }
}

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
