/**
 * Where pictures go: `outputs/<date>/<number>-<seed>.png`, a folder of one's own, or one file. A picture is there whole
 * or not at all, and never takes the place of another.
 */

import { link, open, readdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { DarkroomError, UserError } from '#core/errors';
import type { PixelImage } from '#core/image';
import { diskError, isMissing } from '#studio/files/disk-error';
import { type FileSystemCalls, systemCalls, writeWholeFile } from '#studio/files/whole-file';
import type { ImageFormat } from '#studio/images/codec';
import { UsageError } from '../usage-error.ts';

export const formats = ['png', 'jpeg', 'webp'] as const satisfies readonly ImageFormat[];

const extensions: Readonly<Record<string, ImageFormat>> = {
  '.png': 'png',
  '.jpg': 'jpeg',
  '.jpeg': 'jpeg',
  '.webp': 'webp',
};
const extensionOf = { png: '.png', jpeg: '.jpg', webp: '.webp' } as const satisfies Record<ImageFormat, string>;

export interface PictureTarget {
  readonly folder: string;
  /** Of a single file: its name without extension. */
  readonly stem: string | undefined;
  readonly format: ImageFormat;
  /** A single file may take the place of another. */
  readonly force?: boolean;
}

/**
 * What `--out` and `--format` mean together; without them PNG files in today's folder below `outputs`.
 * @throws UserError when they contradict each other
 */
export async function pictureTarget(
  out: string | undefined,
  format: ImageFormat | undefined,
  now: Date,
  force = false,
): Promise<PictureTarget> {
  if (out === undefined) {
    return { folder: path.resolve('outputs', dateFolder(now)), stem: undefined, format: format ?? 'png' };
  }
  const extension = path.extname(out).toLowerCase();
  if (out.endsWith('/') || out.endsWith(path.sep) || (await isFolder(out)) || extension === '') {
    return { folder: path.resolve(out), stem: undefined, format: format ?? 'png' };
  }
  const named = extensions[extension];
  if (!named || (format && format !== named)) {
    const known = Object.keys(extensions).join(', ');
    const message = named
      ? `--out ${JSON.stringify(out)} is a ${named} file and --format asks for ${format}; leave one out.`
      : `--out ${JSON.stringify(out)} ends in ${extension}; a picture file ends in ${known}, a folder in /.`;
    throw new UsageError('out.format', message);
  }
  const full = path.resolve(out);
  return { folder: path.dirname(full), stem: path.basename(full, path.extname(full)), format: named, force };
}

/** The local date: a day's pictures lie together as their maker sees the day. */
function dateFolder(date: Date): string {
  const two = (n: number): string => String(n).padStart(2, '0');
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

async function isFolder(target: string): Promise<boolean> {
  try {
    return (await stat(target)).isDirectory();
  } catch (error) {
    if (isMissing(error)) return false;
    throw diskError(error, target);
  }
}

/**
 * Fails now rather than after minutes of work if nothing can be written below `folder`; leaves nothing behind.
 * @throws UserError, DarkroomError `disk.*`
 */
export async function checkWritable(folder: string): Promise<void> {
  let nearest = folder;
  while (!(await exists(nearest)) && path.dirname(nearest) !== nearest) nearest = path.dirname(nearest);
  if (!(await isFolder(nearest))) {
    throw new UserError('out.not-a-folder', `${nearest} is a file; pictures cannot be put below it.`);
  }
  const probe = path.join(nearest, `.darkroom-${process.pid}`);
  try {
    await (await open(probe, 'w')).close();
  } catch (error) {
    const known = diskError(error, nearest);
    if (known !== error) throw known;
    throw new DarkroomError('disk.denied', `${nearest} cannot be written to: ${(error as Error).message}.`);
  } finally {
    await rm(probe, { force: true }).catch(() => {});
  }
}

async function exists(target: string): Promise<boolean> {
  return await stat(target).then(
    () => true,
    (error: unknown) => {
      // A file in place of a folder on the way.
      if ((error as NodeJS.ErrnoException).code === 'ENOTDIR' || isMissing(error)) return false;
      throw diskError(error, target);
    },
  );
}

/** Where a picture goes that is to have a name; undefined in a folder, where names are numbers. */
function namedFile({ folder, stem, format }: PictureTarget, index: number, count: number): string | undefined {
  if (stem === undefined) return undefined;
  const suffix = count > 1 ? `-${String(index + 1).padStart(String(count).length, '0')}` : '';
  return path.join(folder, `${stem}${suffix}${extensionOf[format]}`);
}

/** Fails now rather than after minutes of work if a file would be in the way. @throws UserError `out.exists` */
export async function checkFree(target: PictureTarget, count: number): Promise<void> {
  if (target.force) return;
  for (let index = 0; index < count; index++) {
    const file = namedFile(target, index, count);
    if (file !== undefined && (await exists(file))) throw taken(file);
  }
}

function taken(file: string): UserError {
  return new UserError('out.exists', `${file} is there already; give --force to replace it, or another --out.`);
}

export interface FinishedPicture {
  readonly image: PixelImage;
  readonly seed: number;
  readonly infotext: string;
  /** Position among the pictures of this call, and how many there will be. */
  readonly index: number;
  readonly count: number;
}

export class PictureWriter {
  readonly #target: PictureTarget;
  readonly #calls: FileSystemCalls;
  #next: number | undefined;

  constructor(target: PictureTarget, calls: FileSystemCalls = systemCalls) {
    this.#target = target;
    this.#calls = calls;
  }

  /** Encodes and writes; returns the path. @throws DarkroomError `disk-full`, `disk.*` */
  async write(picture: FinishedPicture): Promise<string> {
    const { folder, stem, format } = this.#target;
    // The codec is a native library: load it when there is something to encode.
    const { encodeImage } = await import('#studio/images/codec');
    const bytes = await encodeImage(picture.image, format, picture.infotext);
    if (stem === undefined) return await this.#writeNumbered(bytes, picture.seed);
    const file = namedFile(this.#target, picture.index, picture.count)!;
    const calls = this.#target.force ? this.#calls : { ...this.#calls, rename: placeNew };
    await writeWholeFile(file, bytes, folder, calls).catch((error: NodeJS.ErrnoException) => {
      throw error.code === 'EEXIST' ? taken(file) : error;
    });
    return file;
  }

  async #writeNumbered(bytes: Uint8Array, seed: number): Promise<string> {
    const { folder, format } = this.#target;
    this.#next ??= (await highestNumber(folder)) + 1;
    for (;;) {
      const number = String(this.#next++).padStart(5, '0');
      const file = path.join(folder, `${number}-${seed}${extensionOf[format]}`);
      try {
        await writeWholeFile(file, bytes, folder, { ...this.#calls, rename: placeNew });
        return file;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
    }
  }
}

/** A rename that refuses to replace a file; where the file system has no links, a plain rename. */
async function placeNew(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EPERM' || code === 'ENOTSUP' || code === 'EOPNOTSUPP' || code === 'ENOSYS') return rename(from, to);
    throw error;
  }
  await rm(from);
}

async function highestNumber(folder: string): Promise<number> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (isMissing(error)) return [];
    throw diskError(error, folder);
  });
  return names.reduce((most, name) => Math.max(most, Number(/^(\d{5,9})-/.exec(name)?.[1] ?? 0)), 0);
}
