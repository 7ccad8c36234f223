/** The model that a method trains on, as its file or folder lies. */

import { existsSync } from 'node:fs';
import path from 'node:path';
import { UserError } from '#core/errors';
import { readWeight } from '#models/adapters/read-weight';
import { type LoadedCheckpoint, loadCheckpoint } from '#models/load';
import type { ReadableModel } from '#training/networks/trained-networks';
import { nodeModelFiles } from '../../files/model-files.ts';
import { findModelFile } from '../../library/open-model.ts';
import type { RunContext } from '../run-context.ts';

/** What a training needs of a model, whether it lies in a file or is begun. */
export interface BaseModel
  extends Pick<LoadedCheckpoint, 'layout' | 'family' | 'config' | 'parts' | 'weights'>,
    ReadableModel {
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
    async read(parameter) {
      const ref = loaded.weights.get(parameter);
      if (ref) return (await readWeight(nodeModelFiles, ref)).data;
      const message = `${file} has no ${parameter}: this cannot be trained on ${loaded.family.title}`;
      throw new UserError('training.model', message);
    },
  };
}
