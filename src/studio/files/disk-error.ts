/** What the file system answers, as errors that say what to do. */

import { DarkroomError } from '#core/errors';

/** What a place on the disk, or the database there, does not let be done. Where it is, is not everybody's business. */
export class DiskError extends DarkroomError {
  /** What is wrong and what to do, without the place: "the disk is full; ...". */
  readonly reason: string;

  constructor(code: string, place: string, reason: string, options?: { cause?: unknown }) {
    super(code, `${place}: ${reason}.`, options);
    this.reason = reason;
  }
}

const kinds: Readonly<Record<string, readonly [code: string, sentence: string]>> = {
  ENOSPC: ['disk-full', 'the disk is full; free some space and try again'],
  EDQUOT: ['disk-full', 'the disk quota is used up; free some space and try again'],
  EFBIG: ['disk-full', 'the file is larger than this file system allows'],
  EACCES: ['disk.denied', 'permission is denied; check the permissions of the folder'],
  EPERM: ['disk.denied', 'permission is denied; check the permissions of the folder'],
  EROFS: ['disk.read-only', 'the file system is read-only; choose another folder'],
  EIO: ['disk.io', 'the disk reports an error; check it'],
  EISDIR: ['disk.in-the-way', 'a folder is in the way; move it elsewhere'],
  ERR_FS_EISDIR: ['disk.in-the-way', 'a folder is in the way; move it elsewhere'],
  EMFILE: ['disk.too-many-open', 'too many files are open; raise the limit (ulimit -n)'],
  ENAMETOOLONG: ['disk.name-too-long', 'the name is too long for this file system'],
};

/** A DiskError for what went wrong with `path`; errors of other kinds are returned as they are. */
export function diskError(error: unknown, path: string): unknown {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  const kind = code === undefined ? undefined : kinds[code];
  return kind ? new DiskError(kind[0], path, kind[1], { cause: error }) : error;
}

export function isMissing(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  return code === 'ENOENT' || code === 'ENOTDIR';
}
