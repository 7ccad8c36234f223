/** The files of a training run on this machine's disk. Every write is whole or absent: temporary name, sync, rename. */

import { appendFile, mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import type { HostTensor } from '#core/tensor';
import type { RunFiles } from '#training/run-directory';
import { readTensorFile, writeTensorFile } from './tensor-file.ts';

export function nodeRunFiles(root: string): RunFiles {
  const at = (relative: string): string => path.join(root, ...relative.split('/'));
  return {
    async readText(relative) {
      try {
        return await readFile(at(relative), 'utf8');
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
        throw error;
      }
    },
    writeText: (relative, text) => writeWhole(at(relative), [Buffer.from(text, 'utf8')]),
    async appendText(relative, text) {
      await mkdir(path.dirname(at(relative)), { recursive: true });
      await appendFile(at(relative), text, 'utf8');
    },
    writeBytes: (relative, chunks) => writeWhole(at(relative), chunks),
    readTensors: (relative): Promise<Map<string, HostTensor>> => readTensorFile(at(relative)),
    writeTensors: (relative, tensors, metadata) => writeTensorFile(at(relative), tensors, metadata),
    async list(relative) {
      try {
        return await readdir(at(relative));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
        throw error;
      }
    },
    rename: (from, to) => rename(at(from), at(to)),
    remove: (relative) => rm(at(relative), { recursive: true, force: true }),
  };
}

/** Writes all chunks to a temporary neighbour, syncs, and renames it into place. */
export async function writeWhole(file: string, chunks: Iterable<Uint8Array>): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true });
  const temporary = `${file}.${process.pid}.partial`;
  try {
    const handle = await open(temporary, 'w');
    try {
      for (const chunk of chunks) await handle.writeFile(chunk);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
