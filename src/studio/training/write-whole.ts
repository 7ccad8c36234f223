/** Files written in chunks, whole or absent: temporary name, sync, rename. */

import { mkdir, open, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { diskError } from '../files/disk-error.ts';
import { syncFolder } from '../files/whole-file.ts';

/**
 * Writes all chunks to a temporary neighbour, syncs, and renames it into place.
 * @throws DarkroomError `disk-full`, `disk.*`; nothing is left behind then
 */
export async function writeWhole(file: string, chunks: Iterable<Uint8Array>): Promise<void> {
  const temporary = `${file}.${process.pid}.partial`;
  try {
    await mkdir(path.dirname(file), { recursive: true });
    const handle = await open(temporary, 'w');
    try {
      for (const chunk of chunks) await handle.writeFile(chunk);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
    await syncFolder(path.dirname(file));
  } catch (error) {
    await rm(temporary, { force: true });
    throw diskError(error, file);
  }
}
