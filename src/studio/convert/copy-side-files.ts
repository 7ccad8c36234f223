/** What the files beside a model say is not in its tensors: it goes along with what is made of the model. */

import { constants, copyFile } from 'node:fs/promises';
import path from 'node:path';
import { nodeModelFiles } from '../files/model-files.ts';
import { cardFiles } from '../library/card.ts';
import { modelStem } from '../library/scan.ts';

/** Its settings, also over those of another model that was there: they would be taken for its own. @returns what to tell */
export async function copyYaml(from: string, to: string): Promise<string[]> {
  return await copyBeside('.yaml', from, to);
}

/** What people wrote about it, also how it draws best; what they have written there already stays. @returns what to tell */
export async function copyCard(from: string, to: string): Promise<string[]> {
  const told: string[] = [];
  for (const ending of cardFiles) told.push(...(await copyBeside(ending, from, to, constants.COPYFILE_EXCL)));
  return told;
}

async function copyBeside(ending: string, from: string, to: string, mode = 0): Promise<string[]> {
  const [own, copy] = [from, to].map((model) => path.join(path.dirname(model), `${modelStem(model)}${ending}`));
  if (own === copy || !(await nodeModelFiles.exists(own!))) return [];
  if (mode === constants.COPYFILE_EXCL && (await nodeModelFiles.exists(copy!))) return [];
  await copyFile(own!, copy!, mode);
  return [`${path.basename(own!)} beside the model was copied to ${path.basename(copy!)}.`];
}
