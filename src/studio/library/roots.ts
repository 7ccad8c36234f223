/** Where models are looked for. Apart from models.ts, so that a server starts without the code that reads them. */

import { existsSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { UserError } from '#core/errors';

/** The folder of the models that come with Darkroom. */
export const ownModels = fileURLToPath(new URL('../../../models', import.meta.url));

/** Small trained examples for the embedded model, which are looked for on request. */
export const ownExamples = fileURLToPath(new URL('../../../examples', import.meta.url));

export const defaultModel = 'darkroom-mini';

/** The scales of the upscaler that comes with Darkroom. */
export const ownScales = [2, 3, 4, 8] as const;

/** The files that come with Darkroom: the model that draws first, then upscalers. */
export function ownModelFiles(): string[] {
  const upscalers = ownScales.map((scale) => path.join('upscalers', `${ownUpscalerName(scale)}.safetensors`));
  return [`${defaultModel}.safetensors`, ...upscalers].map((file) => path.join(ownModels, file));
}

export function ownUpscalerName(scale: number): string {
  return `esrgan-medium-x${scale}`;
}

/**
 * Those given, `models` here, and those that come with Darkroom; the first one is where new models go, which the examples'
 * folder never is.
 */
export function modelRoots(given: readonly string[] = []): string[] {
  const folders = given.map((folder) => path.resolve(folder)).flatMap((folder) => [folder, ...besideModels(folder)]);
  const examples = folders.filter((folder) => folder === ownExamples);
  const users = folders.filter((folder) => folder !== ownExamples);
  return [...new Set([...users, path.resolve('models'), ownModels, ...examples])];
}

/** Folders of the web UI that hold models and lie outside its `models`, whether that or the web UI itself is given. */
function besideModels(folder: string): string[] {
  const isModels = path.basename(folder).toLowerCase() === 'models';
  const webui = isModels ? path.dirname(folder) : folder;
  if (!isFolder(path.join(webui, 'models', 'Stable-diffusion'))) return [];
  const extension = path.join('extensions', 'sd-webui-controlnet', 'models');
  // Of the web UI's own folder they are found as any other of its folders.
  return [...(isModels ? ['embeddings'] : []), extension].map((name) => path.join(webui, name)).filter(isFolder);
}

/**
 * A folder by its whole path; `~` is the user's own, `examples` what was trained for the embedded model.
 *
 * @throws UserError `models.folder` when there is none
 */
export function existingFolder(folder: string): string {
  const isOwn = folder === 'examples' && !existsSync(folder);
  const full = isOwn ? ownExamples : path.resolve(folder.replace(/^~(?=$|[\\/])/, homedir()));
  if (isFolder(full)) return full;
  throw new UserError('models.folder', `There is no folder ${JSON.stringify(full.slice(0, 500))}.`);
}

/** A path that no system takes (a NUL, too long, a loop of links) is none. */
function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}
