/** The file system as the models room needs it: ranges of files are read as they are asked for, nothing is mapped. */

import { type FileHandle, open, stat } from 'node:fs/promises';
import { type ByteSource, checkRange } from '#formats/byte-source';
import { ModelFileError } from '#models/model-error';
import type { ModelFiles } from '#models/tensor-file';
import { diskError, isMissing } from './disk-error.ts';
import { readPlainText } from './plain-file.ts';

export const nodeModelFiles: ModelFiles = {
  async exists(path) {
    try {
      await stat(path);
      return true;
    } catch (error) {
      if (isMissing(error)) return false;
      throw diskError(error, path);
    }
  },
  readText: async (path) => await readPlainText(path),
  source: fileSource,
};

/**
 * A source over a file. It is opened for each read: headers take few reads, and nothing has to be closed.
 * @throws ModelFileError when `path` is no file
 */
export async function fileSource(path: string): Promise<ByteSource> {
  const facts = await stat(path).catch((error: unknown) => {
    throw isMissing(error) ? new ModelFileError('not-found', 'there is no such file', path) : diskError(error, path);
  });
  if (!facts.isFile()) {
    const advice = 'expected a model file, or a diffusers folder with model_index.json';
    const what = facts.isDirectory() ? 'a folder without a model' : 'no file but a pipe, a device or a socket';
    throw new ModelFileError('not-a-file', `this is ${what}; ${advice}`, path);
  }
  const { size } = facts;
  return {
    name: path,
    size,
    async read(offset, length) {
      checkRange(path, size, offset, length);
      const handle = await open(path).catch((error: unknown) => {
        throw diskError(error, path);
      });
      try {
        return await readWhole(handle, path, offset, length);
      } finally {
        await handle.close();
      }
    },
  };
}

async function readWhole(handle: FileHandle, path: string, offset: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; ) {
    const { bytesRead } = await handle.read(bytes, at, length - at, offset + at).catch((error: unknown) => {
      throw diskError(error, path);
    });
    if (bytesRead === 0) {
      throw new ModelFileError('shrunk', 'the file became shorter while it was read; try again', path);
    }
    at += bytesRead;
  }
  return bytes;
}
