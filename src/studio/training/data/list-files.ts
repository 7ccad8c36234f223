/** What lies in a folder of pictures. */

import { type Dirent, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { UserError } from '#core/errors';
import { diskError, isMissing } from '../../files/disk-error.ts';

/** Names of all files below a folder, relative to it; links count as what they point to. */
export function listFiles(folder: string): string[] {
  let entries: Dirent[];
  try {
    entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  } catch (error) {
    if (!isMissing(error)) throw diskError(error, folder);
    throw new UserError('training.data.missing', `there is no folder ${folder}; data names the folder of the pictures`);
  }
  const isFile = (entry: Dirent): boolean =>
    entry.isFile() || statSync(path.join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.isFile() === true;
  return entries.filter(isFile).map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)));
}
