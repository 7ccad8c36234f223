/** ONNX files that users bring for a purpose, in folders of a known name: in a models folder, or in its `models`. */

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isMissing } from '../files/disk-error.ts';

export interface OnnxFile {
  /** Without ending. */
  readonly name: string;
  readonly path: string;
}

/** `folder` in small letters; files of a later folder stand for those of the same name before. By name. */
export async function listOnnx(roots: readonly string[], folder: string): Promise<OnnxFile[]> {
  const found = new Map<string, string>();
  for (const parent of roots.flatMap((root) => [root, join(root, 'models')])) {
    for (const own of (await namesIn(parent)).filter((name) => name.toLowerCase() === folder)) {
      for (const entry of await namesIn(join(parent, own))) {
        if (/\.onnx$/i.test(entry)) found.set(entry.replace(/\.onnx$/i, ''), join(parent, own, entry));
      }
    }
  }
  return [...found].map(([name, path]) => ({ name, path })).sort((a, b) => (a.name < b.name ? -1 : 1));
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (isMissing(error) || (error as NodeJS.ErrnoException).code === 'ENOTDIR') return [];
    throw error;
  }
}
