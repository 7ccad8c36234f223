/** Where models are looked for. Apart from models.ts, so that a server starts without the code that reads them. */

import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of the models that come with Darkroom. */
export const ownModels = fileURLToPath(new URL('../../../models', import.meta.url));

export const defaultModel = 'darkroom-mini';

/** Those given, `models` here, and those that come with Darkroom; the first one is where new models go. */
export function modelRoots(given: readonly string[] = []): string[] {
  const roots = [...given, path.resolve('models'), ownModels].map((folder) => path.resolve(folder));
  return [...new Set(roots)];
}
