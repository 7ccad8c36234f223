/** What lies in a folder of pictures. */

import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { UserError } from '#core/errors';
import { diskError, isMissing } from '../../files/disk-error.ts';

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
  const folders = [folder];
  for (let at = folders.shift(); at !== undefined; at = folders.shift()) {
    for (const entry of await entriesOf(at)) {
      const whole = path.join(at, entry.name);
      if (++seen > mostEntries) throw tooMany(folder);
      if (entry.isDirectory()) folders.push(whole);
      else if (entry.isFile() || (entry.isSymbolicLink() && (await isFile(whole)))) files.push(whole);
    }
  }
  return files.map((file) => path.relative(folder, file));
}

async function entriesOf(folder: string) {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    if (!isMissing(error) && !folder.includes('\0')) throw diskError(error, folder);
    throw new UserError('training.data.missing', `there is no folder ${folder}; data names the folder of the pictures`);
  }
}

async function isFile(file: string): Promise<boolean> {
  return (await stat(file).catch(() => undefined))?.isFile() === true;
}

function tooMany(folder: string): UserError {
  const message = `${folder} holds more than ${mostEntries} files and folders; name the folder of the pictures alone`;
  return new UserError('training.data.too-many', message);
}
