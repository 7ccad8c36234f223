/** What lies in a folder of pictures. */

import { stat } from 'node:fs/promises';
import path from 'node:path';
import { UserError } from '#core/errors';
import { diskError, isMissing } from '../../files/disk-error.ts';
import { walk } from '../../files/walk.ts';

/** Entries of all folders below; who names a whole disk is to be told soon. */
const mostEntries = 200_000;

/**
 * Names of all files below a folder, relative to it; links to files count as what they point to, links to folders are
 * not followed.
 *
 * @throws UserError `training.data.missing`, `training.data.too-many`; DarkroomError `disk.*`
 */
export async function listFiles(folder: string): Promise<string[]> {
  const files: string[] = [];
  let seen = 0;
  try {
    for await (const { entry, file } of walk(folder)) {
      if (++seen > mostEntries) throw tooMany(folder);
      if (entry.isFile() || (entry.isSymbolicLink() && (await isFile(path.join(folder, file))))) files.push(file);
    }
  } catch (error) {
    if (error instanceof UserError) throw error;
    if (!isMissing(error) && !folder.includes('\0')) throw diskError(error, folder);
    throw new UserError('training.data.missing', `there is no folder ${folder}; data names the folder of the pictures`);
  }
  return files.sort();
}

async function isFile(file: string): Promise<boolean> {
  return (await stat(file).catch(() => undefined))?.isFile() === true;
}

function tooMany(folder: string): UserError {
  const message = `${folder} holds more than ${mostEntries} files and folders; name the folder of the pictures alone`;
  return new UserError('training.data.too-many', message);
}
