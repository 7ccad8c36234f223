/**
 * What lies below a folder, a few entries at a time: a folder of a hundred thousand, read in one go, would hold the
 * event loop for as long as their names take to become texts.
 */

import type { Dirent } from 'node:fs';
import { opendir } from 'node:fs/promises';
import path from 'node:path';

const someEntries = 128;

export interface Walked {
  readonly entry: Dirent;
  /** Relative to the folder. */
  readonly file: string;
}

/** Every entry of the folder and of those in it, in no order; links are told and not followed. @throws what the system says */
export async function* walk(folder: string): AsyncGenerator<Walked> {
  const below = [''];
  for (let at = below.shift(); at !== undefined; at = below.shift()) {
    for await (const entry of await opendir(path.join(folder, at), { bufferSize: someEntries })) {
      const file = path.join(at, entry.name);
      if (entry.isDirectory()) below.push(file);
      yield { entry, file };
    }
  }
}
