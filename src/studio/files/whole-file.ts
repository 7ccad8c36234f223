/**
 * Files that are whole or not there: written under a temporary name in a folder of the same file system, synced,
 * renamed into place, and the folder synced, so that neither a kill nor a power cut leaves half a file behind.
 */

import { type FileHandle, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { newId } from '../store/id.ts';
import { diskError, isMissing } from './disk-error.ts';

/** The system calls of a write, so that tests can let each of them fail. */
export interface FileSystemCalls {
  mkdir(folder: string): Promise<void>;
  open(file: string): Promise<FileHandle>;
  write(handle: FileHandle, bytes: Uint8Array): Promise<void>;
  sync(handle: FileHandle): Promise<void>;
  rename(from: string, to: string): Promise<void>;
}

export const systemCalls: FileSystemCalls = {
  mkdir: async (folder) => void (await mkdir(folder, { recursive: true })),
  open: (file) => open(file, 'wx'),
  write: (handle, bytes) => handle.writeFile(bytes),
  sync: (handle) => handle.sync(),
  rename,
};

/** @throws DarkroomError `disk-full`, `disk.*`; nothing is left behind then */
export async function writeWholeFile(
  file: string,
  bytes: Uint8Array,
  temporaryFolder: string,
  calls: FileSystemCalls = systemCalls,
): Promise<void> {
  const temporary = join(temporaryFolder, newId());
  try {
    await calls.mkdir(temporaryFolder);
    await calls.mkdir(dirname(file));
    const handle = await calls.open(temporary);
    try {
      await calls.write(handle, bytes);
      await calls.sync(handle);
    } finally {
      await handle.close();
    }
    await calls.rename(temporary, file);
    await syncFolder(dirname(file));
  } catch (error) {
    await rm(temporary, { force: true });
    throw diskError(error, file);
  }
}

/** Puts a file that another process wrote whole into place. @throws DarkroomError `disk-full`, `disk.*` */
export async function keepWholeFile(temporary: string, file: string): Promise<void> {
  try {
    const handle = await open(temporary, 'r+');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
    await syncFolder(dirname(file));
  } catch (error) {
    throw diskError(error, file);
  }
}

/** Makes a rename durable. Windows cannot sync folders and does not need to. */
export async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Removes what writes that were killed left in the temporary folder. */
export async function sweepTemporary(folder: string): Promise<number> {
  try {
    const names = await readdir(folder);
    await Promise.all(names.map((name) => rm(join(folder, name), { force: true, recursive: true })));
    return names.length;
  } catch (error) {
    if (isMissing(error)) return 0;
    throw error;
  }
}
