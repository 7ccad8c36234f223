/** Names of the textual inversions that lie in the model folders: what a prompt may call by name. */

import { modelStem, scanModels } from './scan.ts';

/** Stems of the files that lie in folders of embeddings; what others are, only their headers tell. */
export async function embeddingNames(roots: readonly string[]): Promise<string[]> {
  const found = await scanModels(roots);
  return [...new Set(found.filter(({ kind }) => kind === 'embedding').map(({ path }) => modelStem(path)))];
}
