/** What the file beside a single file says is not in its tensors: it goes along with what is made of the file. */

import { copyFile } from 'node:fs/promises';
import path from 'node:path';
import { nodeModelFiles } from '../files/model-files.ts';

/** @returns what to tell */
export async function copyYaml(from: string, to: string): Promise<string[]> {
  const [own, copy] = [from, to].map((file) => `${file.slice(0, file.length - path.extname(file).length)}.yaml`);
  if (own === copy || !(await nodeModelFiles.exists(own!))) return [];
  await copyFile(own!, copy!);
  return [`${path.basename(own!)} beside the model was copied to ${path.basename(copy!)}.`];
}
