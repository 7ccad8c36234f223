/**
 * Model files as tensors: a single file, or a diffusers folder whose components' tensors get their folder's name as a
 * prefix, so that everything behind this looks at one table of names.
 */

import { parseYaml } from '#formats/yaml';
import { Fields, parseJson } from './fields.ts';
import { ModelFileError } from './model-error.ts';
import type { StoredTensor } from './resolve.ts';
import { type ModelFiles, openTensorFile, type TensorFile } from './tensor-file.ts';
import { type WeightForm, weightForms } from './weight-files.ts';

export interface ModelSource extends TensorFile {
  readonly layout: 'single-file' | 'folder';
  /** A folder's config.json files by component, and `scheduler`. */
  readonly configs: ReadonlyMap<string, Fields>;
  /** The .yaml of the same name beside a single file. */
  readonly yaml: Fields | undefined;
  /** Class of the pipeline that a folder's model_index.json names. */
  readonly pipeline?: string | undefined;
}

const folderComponents = ['unet', 'vae', 'text_encoder', 'text_encoder_2'] as const;

/** Opens whatever `path` is; reads headers and side files only. */
export async function openModelSource(files: ModelFiles, path: string): Promise<ModelSource> {
  const folder = trimmed(path);
  const markers = [`${folder}/model_index.json`, ...folderComponents.map((c) => `${folder}/${c}/config.json`)];
  for (const marker of markers) if (await files.exists(marker)) return openFolder(files, folder);
  if (!(await files.exists(path))) throw new ModelFileError('not-found', 'there is no such file or folder', path);
  const file = await openTensorFile(files, path);
  return { ...file, layout: 'single-file', configs: new Map(), yaml: await yamlBeside(files, path) };
}

async function yamlBeside(files: ModelFiles, path: string): Promise<Fields | undefined> {
  const yaml = path.replace(/\.[^./\\]+$/, '.yaml');
  if (yaml === path || !(await files.exists(yaml))) return undefined;
  return new Fields(parseYaml(await files.readText(yaml), yaml), yaml);
}

async function openFolder(files: ModelFiles, path: string): Promise<ModelSource> {
  const tensors = new Map<string, StoredTensor>();
  const configs = new Map<string, Fields>();
  for (const component of folderComponents) {
    const config = await readConfig(files, `${path}/${component}/config.json`);
    if (!config) continue;
    configs.set(component, config);
    const found = await openComponent(files, `${path}/${component}`);
    for (const [name, tensor] of found.tensors) tensors.set(`${component}.${name}`, tensor);
  }
  const scheduler = await readConfig(files, `${path}/scheduler/scheduler_config.json`);
  if (scheduler) configs.set('scheduler', scheduler);
  const pipeline = (await readConfig(files, `${path}/model_index.json`))?.string('_class_name', '');
  return { path, layout: 'folder', tensors, metadata: {}, configs, yaml: undefined, pipeline };
}

/** The tensors of one component's folder, from one file or from the shards that its index lists. */
export async function openComponent(files: ModelFiles, folder: string): Promise<TensorFile> {
  for (const { whole, indexes } of weightForms) {
    if (await files.exists(`${folder}/${whole}`)) return openTensorFile(files, `${folder}/${whole}`);
    for (const index of indexes) {
      if (await files.exists(`${folder}/${index}`)) return openShards(files, folder, `${folder}/${index}`);
    }
  }
  const [{ whole }] = weightForms as [WeightForm];
  const message = `no weights in this folder; expected ${whole} or another name that save_pretrained writes`;
  throw new ModelFileError('no-weights', message, folder);
}

/** Shards named by an index; a name that leaves the folder is refused. */
async function openShards(files: ModelFiles, folder: string, index: string): Promise<TensorFile> {
  const map = new Fields(parseJson(await files.readText(index), index), index).need('weight_map');
  const shardOf = new Map(map.names().map((tensor) => [tensor, map.string(tensor)]));
  const tensors = new Map<string, StoredTensor>();
  for (const shard of new Set(shardOf.values())) {
    if (/[/\\]|^\.\.?$|:/.test(shard)) {
      throw new ModelFileError('shard-name', `the shard ${JSON.stringify(shard)} is not a plain file name`, index);
    }
    const file = await openTensorFile(files, `${folder}/${shard}`);
    for (const [name, tensor] of file.tensors) if (shardOf.get(name) === shard) tensors.set(name, tensor);
  }
  const lost = [...shardOf].find(([name]) => !tensors.has(name));
  if (lost) throw new ModelFileError('shard-tensor', `${lost[0]} is not in its shard ${lost[1]}`, index);
  return { path: folder, tensors, metadata: {} };
}

export async function readConfig(files: ModelFiles, path: string): Promise<Fields | undefined> {
  return (await files.exists(path)) ? new Fields(parseJson(await files.readText(path), path), path) : undefined;
}

function trimmed(path: string): string {
  return path.replace(/[/\\]+$/, '');
}
