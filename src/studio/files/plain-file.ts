/**
 * Reading files that others have put where they lie. A pipe of a file's name keeps who opens it waiting without end (a
 * few of them every thread that reads files), a device gives bytes without end, and a file of holes says terabytes.
 */

import { closeSync, constants, fstatSync, openSync, readFileSync, type Stats } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { UserError } from '#core/errors';

/** Not waiting for whoever writes to a pipe; Windows has no such flag and no such pipes. */
const withoutWaiting = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);
/** Bytes of a text or a picture, unless it is said. */
const mostBytes = 64 * 2 ** 20;

/** @throws UserError `file.not-plain`; what the system says */
export async function openPlainFile(path: string): Promise<FileHandle> {
  const handle = await open(path, withoutWaiting).catch((error: unknown) => {
    throw ofSocket(error, path);
  });
  try {
    checkPlain(await handle.stat(), path);
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** @param most bytes; default 64 MiB. @throws UserError `file.not-plain`, `file.too-large`; what the system says */
export async function readPlainFile(path: string, most = mostBytes): Promise<Buffer<ArrayBuffer>> {
  const handle = await openPlainFile(path);
  try {
    checkSize((await handle.stat()).size, most, path);
    return await handle.readFile();
  } finally {
    await handle.close();
  }
}

export async function readPlainText(path: string, most?: number): Promise<string> {
  return (await readPlainFile(path, most)).toString('utf8');
}

/** The same at once, for what is small. */
export function readPlainTextAtOnce(path: string, most = mostBytes): string {
  const file = openAtOnce(path);
  try {
    const stats = fstatSync(file);
    checkPlain(stats, path);
    checkSize(stats.size, most, path);
    return readFileSync(file, 'utf8');
  } finally {
    closeSync(file);
  }
}

function openAtOnce(path: string): number {
  try {
    return openSync(path, withoutWaiting);
  } catch (error) {
    throw ofSocket(error, path);
  }
}

function checkPlain(stats: Stats, path: string): void {
  if (!stats.isFile()) throw notPlain(path, stats.isDirectory() ? 'a folder' : 'a pipe or a device');
}

function checkSize(size: number, most: number, path: string): void {
  if (size > most) throw new UserError('file.too-large', `${path}: it has ${size} bytes; at most ${most} are read.`);
}

/** POSIX open: of a socket, ENXIO. */
function ofSocket(error: unknown, path: string): unknown {
  return (error as NodeJS.ErrnoException).code === 'ENXIO' ? notPlain(path, 'a socket') : error;
}

function notPlain(path: string, what: string): UserError {
  return new UserError('file.not-plain', `${path}: this is no file but ${what}.`);
}
