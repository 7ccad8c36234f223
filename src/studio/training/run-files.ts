/** The files of a training run on this machine's disk. Every write is whole or absent: temporary name, sync, rename. */

import { appendFile, mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import type { HostTensor } from '#core/tensor';
import type { RunFiles } from '#training/run-directory';
import { diskError, isMissing } from '../files/disk-error.ts';
import { syncFolder } from '../files/whole-file.ts';
import { readTensorFile, writeTensorFile } from './tensor-file.ts';
import { writeWhole } from './write-whole.ts';

export function nodeRunFiles(root: string): RunFiles {
  const at = (relative: string): string => path.join(root, ...relative.split('/'));
  return {
    async readText(relative) {
      try {
        return await readFile(at(relative), 'utf8');
      } catch (error) {
        if (isMissing(error)) return undefined;
        throw diskError(error, at(relative));
      }
    },
    writeText: (relative, text) => writeWhole(at(relative), [Buffer.from(text, 'utf8')]),
    async appendText(relative, text) {
      try {
        await mkdir(path.dirname(at(relative)), { recursive: true });
        await appendFile(at(relative), text, 'utf8');
      } catch (error) {
        throw diskError(error, at(relative));
      }
    },
    writeBytes: (relative, chunks) => writeWhole(at(relative), chunks),
    readTensors: (relative): Promise<Map<string, HostTensor>> => readTensorFile(at(relative)),
    writeTensors: (relative, tensors, metadata) => writeTensorFile(at(relative), tensors, metadata),
    async list(relative) {
      try {
        return await readdir(at(relative));
      } catch (error) {
        if (isMissing(error)) return [];
        throw diskError(error, at(relative));
      }
    },
    async rename(from, to) {
      await rename(at(from), at(to));
      await syncFolder(path.dirname(at(to)));
    },
    remove: (relative) => rm(at(relative), { recursive: true, force: true }),
  };
}
