/** The model that a method trains on, as its file or folder lies. */

import { existsSync } from 'node:fs';
import path from 'node:path';
import { readWeight } from '#models/adapters/read-weight';
import { type LoadedCheckpoint, loadCheckpoint } from '#models/load';
import type { ReadableModel } from '#training/networks/trained-networks';
import { nodeModelFiles } from '../../files/model-files.ts';
import { findModelFile } from '../../library/open-model.ts';
import type { RunContext } from '../run-context.ts';

export interface BaseModel extends LoadedCheckpoint, ReadableModel {
  /** File or folder. */
  readonly path: string;
}

/** @throws UserError `model.*`, ModelFileError */
export async function openBaseModel(
  name: string,
  vae: string | undefined,
  { root, modelRoots }: Pick<RunContext, 'root' | 'modelRoots'>,
): Promise<BaseModel> {
  const locate = async (kind: 'model' | 'vae', given: string): Promise<string> => {
    const here = path.resolve(root, given);
    return existsSync(here) ? here : await findModelFile(kind, given, modelRoots);
  };
  const file = await locate('model', name);
  const loaded = await loadCheckpoint(nodeModelFiles, file, { vae: vae && (await locate('vae', vae)) });
  return {
    ...loaded,
    path: file,
    read: async (parameter) => (await readWeight(nodeModelFiles, loaded.weights.get(parameter)!)).data,
  };
}
