/** A model of the page for the pipelines, with the LoRAs that were trained on it here. */

import { z } from 'zod';
import { mergedWeights } from '#models/adapters/merge';
import { moduleNames } from '#models/adapters/modules';
import { openAdapter } from '#models/adapters/open';
import { readWeight } from '#models/adapters/read-weight';
import { type LoadedCheckpoint, loadCheckpoint } from '#models/load';
import { openTensorFile } from '#models/tensor-file';
import type { FoundAdapter, OpenModel, PipelineModel } from '#pipelines/model';
import { preferenceByName } from '#pipelines/settings/distilled';
import { type Preference, preferenceSchema } from '#pipelines/settings/index';
import type { ReadableModel } from '#training/networks/trained-networks';
import type { PageFiles } from '../web/models/page-files.ts';

/** `preference`: by what lies beside the file, else by its name. */
export type PageModel = LoadedCheckpoint & ReadableModel & { readonly preference: Preference };

/** @throws ModelFileError, CheckpointError */
export async function openPageModel(files: PageFiles, path: string): Promise<PageModel> {
  const loaded = await loadCheckpoint(files, path);
  const preference = (await preferenceBeside(files, path)) ?? preferenceByName(nameOf(loaded)) ?? {};
  return { ...loaded, preference, read: async (name) => (await readWeight(files, loaded.weights.get(name)!)).data };
}

/** Files beside a model in which people say how it draws best. */
const besideEndings = ['.darkroom.json', '.json'] as const;

/** Where what lies beside a model would be. */
export function pathsBeside(path: string): string[] {
  const stem = path.replace(/\.[^./]+$/, '');
  return besideEndings.map((ending) => stem + ending);
}

async function preferenceBeside(files: PageFiles, path: string): Promise<Preference | undefined> {
  for (const beside of pathsBeside(path)) {
    if (!(await files.exists(beside))) continue;
    const result = z.object({ preferred: preferenceSchema }).safeParse(parsed(await files.readText(beside)));
    if (result.success) return result.data.preferred;
  }
  return undefined;
}

/** A broken side file is as good as none. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export const loraPath = (name: string): string => `loras/${name}.safetensors`;

/** Whatever a request names: there is one model at a time. */
export function pageModelOpener(files: PageFiles, current: () => PageModel): OpenModel {
  return async () => {
    const model = current();
    const { family, parts, weights, problems } = model;
    return {
      reference: { name: nameOf(model), family: family.id },
      parts,
      weights,
      warnings: problems.slice(0, 1).map(({ message }) => message),
      openLora: loraOpener(files, model),
      mergedWeights: (component, adapters) => mergedWeights(files, weights, adapters, component),
      isCurrent: async () => current() === model,
    };
  };
}

function loraOpener(files: PageFiles, { family, config }: PageModel): NonNullable<PipelineModel['openLora']> {
  const names = moduleNames(family, config);
  return async (name): Promise<FoundAdapter | undefined> => {
    const path = loraPath(name);
    if (!(await files.exists(path))) return undefined;
    const file = await openTensorFile(files, path);
    const id = `${path} ${file.metadata.darkroom_trained ?? ''}`;
    return { adapter: await openAdapter(files, file, names, { id, title: family.title }) };
  };
}

export function nameOf({ path }: Pick<PageModel, 'path'>): string {
  return path.replace(/^.*\//, '').replace(/\.[^.]+$/, '');
}
