/** Paths from outside stay inside their root: no absolute paths, no `..`, no device names, no symlinks that lead out. */

import { realpath } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { UserError } from '#core/errors';
import { isMissing } from './disk-error.ts';

const reserved = /^(con|prn|aux|nul|com\d|lpt\d)(\..*)?$/i;

/** True for one plain file or folder name that every system takes and no system takes for a path. */
export function isSafeName(name: string): boolean {
  if (name === '' || name === '.' || name === '..' || Buffer.byteLength(name) > 255) return false;
  if (/[\x00-\x1f/\\<>:"|?*\x7f]/.test(name) || /[. ]$/.test(name)) return false;
  return !reserved.test(name) && !/\p{Surrogate}/u.test(name);
}

/**
 * Absolute path of `path` (forward slashes) below `root`, by its names alone.
 * @throws UserError `path.invalid`
 */
export function pathInside(root: string, path: string): string {
  const names = path.split('/');
  if (!names.every(isSafeName)) throw invalid(path);
  return join(root, ...names);
}

/**
 * As `pathInside`, and where the file exists, what it resolves to is inside the root as well.
 * @throws UserError `path.invalid`
 */
export async function realPathInside(root: string, path: string): Promise<string> {
  const file = pathInside(root, path);
  try {
    const [realRoot, realFile] = await Promise.all([realpath(root), realpath(file)]);
    if (!isBelow(realRoot, realFile)) throw invalid(path);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  return file;
}

export function isBelow(root: string, path: string): boolean {
  const way = relative(root, path);
  return way !== '' && way !== '..' && !way.startsWith(`..${sep}`) && !/^([a-z]:|[\\/])/i.test(way);
}

function invalid(path: string): UserError {
  const shown = JSON.stringify(path.slice(0, 200));
  return new UserError('path.invalid', `${shown} is no path inside the folder; use plain names separated by slashes.`);
}
