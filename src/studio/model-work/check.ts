/** What is asked of work on model files, checked against the library: models by its names, and where the result goes. */

import { stat } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import type { JobRequests } from '#api/records/job';
import type { ModelKind } from '#api/records/model';
import { type ModelWorkKind, modelWorkRequests } from '#api/records/model-work';
import { UserError } from '#core/errors';
import { extractExtraNetworks } from '#prompt/extra-networks';
import { isSafeName } from '../files/safe-path.ts';
import { folderForKind } from '../library/layout.ts';
import type { Library } from '../library/library.ts';
import { kindsOfChoices } from '../work/check-request.ts';
import type { MakeRequest } from './make.ts';

type Requests = JobRequests[ModelWorkKind];

/**
 * With models by the library's names, and a name that a file can have.
 * @throws UserError `model.unknown`, `model-work.name`, `merge.exists` and the like
 */
export async function checkModelWork<K extends ModelWorkKind>(
  kind: K,
  request: JobRequests[K],
  library: Library,
  warnings: string[],
): Promise<JobRequests[K]> {
  const find: Find = (value, kinds) => library.find(value, kinds, warnings).name;
  const checked = { ...request, ...eachModel(kind, request, find) };
  for (const text of 'loras' in checked ? checked.loras : []) {
    const [name = ''] = extractExtraNetworks(`<lora:${text}>`).networks[0]?.positional ?? [];
    library.named(name, ['lora']);
  }
  const { to } = await targetOf(kind, checked, library);
  await checkNotThere(kind, to);
  return checked;
}

/** With files in the place of names. @throws UserError `model.unknown` where one has gone meanwhile */
export function withPaths<K extends ModelWorkKind>(kind: K, request: MakeRequest<K>, library: Library): MakeRequest<K> {
  return { ...request, ...eachModel(kind, request, (value, kinds) => library.named(value, kinds).path) };
}

type Find = (value: string, kinds: readonly ModelKind[]) => string;

/** Fields that name a model of the library, by their schemas. */
function eachModel(kind: ModelWorkKind, request: object, find: Find): Record<string, string> {
  const fields = z.toJSONSchema(modelWorkRequests[kind], { io: 'input' }).properties as Record<
    string,
    { type?: string; choices?: string }
  >;
  return Object.fromEntries(
    Object.entries(fields).flatMap(([field, { type, choices = '' }]) => {
      const value = (request as Readonly<Record<string, unknown>>)[field];
      const kinds = kindsOfChoices[choices];
      return type === 'string' && kinds && typeof value === 'string' ? [[field, find(value, kinds)]] : [];
    }),
  );
}

/** Where the result lies: in the first model folder, where such models go. @throws UserError `model-work.name` */
export async function targetOf(
  kind: ModelWorkKind,
  request: Requests,
  library: Library,
): Promise<{ to: string; folder: string }> {
  const { name } = request;
  const [root] = library.roots;
  const file = fileName(kind, request);
  if (root === undefined || !isSafeName(file)) {
    throw new UserError('model-work.name', `${JSON.stringify(name)} is no name for a file; take a plain one.`);
  }
  const folder = path.join(...(await folderOf(kind, request, library, root)));
  return { to: path.join(folder, file), folder: path.relative(root, folder).replaceAll(path.sep, '/') };
}

/** With the ending that the layout has, where the name has none. */
function fileName(kind: ModelWorkKind, request: Requests): string {
  const { name } = request;
  const layout = kind === 'convert' ? ((request as JobRequests['convert']).layout ?? endingOf(name)) : 'safetensors';
  const ending = layout === 'safetensors' || layout === 'gguf' ? `.${layout}` : '';
  return name.toLowerCase().endsWith(ending) ? name : name + ending;
}

function endingOf(name: string): string {
  return name.toLowerCase().endsWith('.gguf') ? 'gguf' : 'safetensors';
}

async function folderOf(
  kind: ModelWorkKind,
  request: Requests,
  library: Library,
  root: string,
): Promise<[string, ...string[]]> {
  if (kind === 'extract') return [await folderForKind(root, 'lora')];
  if (kind === 'merge') return [await folderForKind(root, 'checkpoint')];
  const { model, layout } = request as JobRequests['convert'];
  // No model that is drawn with here, so apart from those.
  if (layout === 'onnx') return [root, 'onnx'];
  const own: ModelKind = library.find(model, kindsOfChoices.models!).kind;
  return [await folderForKind(root, own)];
}

/** Fails now rather than after minutes of work. @throws UserError `merge.exists` and the like */
async function checkNotThere(kind: ModelWorkKind, file: string): Promise<void> {
  if (await stat(file).catch(() => undefined)) {
    throw new UserError(`${kind}.exists`, `${path.basename(file)} is there already; give another name.`);
  }
}
