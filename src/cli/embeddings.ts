/** Names of the textual inversions that lie in the model folders: what a prompt may call by name. */

import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { modelFoldersOf } from '#studio/library/layout';

const embeddingFile = /\.(safetensors|pt|bin)$/i;

/** Stems of the files; a folder that cannot be read holds none. */
export async function embeddingNames(roots: readonly string[]): Promise<string[]> {
  const names = new Set<string>();
  for (const root of roots) {
    for (const { kind, path: folder } of await modelFoldersOf(root)) {
      if (kind !== 'embedding') continue;
      const files = await readdir(folder, { recursive: true }).catch(() => []);
      for (const file of files) if (embeddingFile.test(file)) names.add(path.basename(file).replace(embeddingFile, ''));
    }
  }
  return [...names];
}
