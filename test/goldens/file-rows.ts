/** Checks of models/ckpt (containers that load bit for bit, hostile ones that are refused) and of models/keys. */

import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { UserError } from '#core/errors';
import type { WeightRange } from '#engine/backend';
import { bytesSource } from '#formats/byte-source';
import { openCheckpoint } from '#formats/checkpoint';
import { readSafetensorsHeader } from '#formats/safetensors';
import { controlNetGraph } from '#models/control/controlnet';
import { openControlNet } from '#models/control/controlnet-file';
import { families } from '#models/families';
import type { ModelFamily } from '#models/family';
import { resolveParameters, type StoredTensor } from '#models/resolve';
import { sd15 } from '#models/sd1/config';
import { sd1 } from '#models/sd1/family';
import { below } from '#models/tensor-table';
import { findModel } from '#models/traits';
import type { RowCheck } from './row-check.ts';

const verdict = (name: string, right: boolean): RowCheck => ({
  name,
  error: right ? 0 : Number.POSITIVE_INFINITY,
  tolerance: 0,
});

interface Manifest {
  readonly files: readonly { file: string; expected?: string | null; kind?: string | null; expect?: string }[];
}

const manifestOf = (file: string): Manifest => JSON.parse(readFileSync(file, 'utf8')) as Manifest;
const sourceOf = (file: string) => bytesSource(file, new Uint8Array(readFileSync(file)));

type Contents = Map<string, readonly [dtype: string, shape: readonly number[], bytes: Buffer]>;

async function expectedTensors(file: string): Promise<Contents> {
  const source = sourceOf(file);
  const { tensors } = await readSafetensorsHeader(source);
  const contents: Contents = new Map();
  for (const t of tensors.values()) {
    contents.set(t.name, [t.dtype, [...t.shape], Buffer.from(await source.read(t.offset, t.byteLength))]);
  }
  return contents;
}

async function loadedTensors(file: string): Promise<Contents> {
  const checkpoint = await openCheckpoint(sourceOf(file));
  const contents: Contents = new Map();
  for (const t of checkpoint.tensors.values()) {
    contents.set(t.name, [t.dtype, [...t.shape], Buffer.from(await checkpoint.readBytes(t.view))]);
  }
  return contents;
}

/** Whether reading is refused by an error meant for users, with nothing executed. */
async function refused(read: () => Promise<unknown>): Promise<boolean> {
  try {
    await read();
    return false;
  } catch (error) {
    return error instanceof UserError && !existsSync('PWNED');
  }
}

export async function* checkCheckpointFiles(manifest: string): AsyncGenerator<RowCheck> {
  const folder = path.dirname(manifest);
  for (const { file, expected } of manifestOf(manifest).files) {
    const name = path.join(folder, file);
    if (expected) {
      const want = await expectedTensors(path.join(folder, expected));
      yield verdict(`loads ${file}`, isDeepStrictEqual(await loadedTensors(name), want));
    } else {
      yield verdict(`refuses ${file}`, await refused(() => loadedTensors(name)));
    }
  }
}

export async function* checkSafetensorsFiles(manifest: string): AsyncGenerator<RowCheck> {
  for (const { file, expect } of manifestOf(manifest).files) {
    const name = path.join(path.dirname(manifest), file);
    const rejected = await refused(() => readSafetensorsHeader(sourceOf(name)));
    if (expect === 'load') yield verdict(`loads ${file}`, !rejected);
    if (expect === 'reject') yield verdict(`refuses ${file}`, rejected);
  }
}

type KeyList = readonly (readonly [string, readonly number[]])[];

/** A table of tensors as a file of them would give, one after the other. */
function stored(keys: KeyList): Map<string, StoredTensor> {
  let offset = 0;
  const table = new Map<string, StoredTensor>();
  for (const [name, shape] of keys) {
    const byteLength = 2 * shape.reduce((a, b) => a * b, 1);
    const ref: WeightRange = { kind: 'file', path: 'model', offset, byteLength, dtype: 'f16', shape };
    table.set(name, { dtype: 'f16', shape, ref });
    offset += byteLength;
  }
  return table;
}

/** Every parameter is found, and only what `NAME.optional.json` lists is left over; the folder has the same names. */
export function* checkKeys(single: string): Generator<RowCheck> {
  const read = <T>(kind: string): T => JSON.parse(readFileSync(single.replace('.single.', `.${kind}.`), 'utf8')) as T;
  const file = stored(JSON.parse(readFileSync(single, 'utf8')) as KeyList);
  const optional = new Set(read<string[]>('optional'));
  const folder = read<Record<string, KeyList>>('diffusers');
  const family = families.find((each) => each.matches(findModel(file))) ?? sd1;
  const parts = family.components
    .filter(({ component }) => Object.hasOwn(folder, component))
    .map(({ component, prefixes, recognise }) => {
      const prefix = prefixes.find((p) => recognise(below(file, p))) ?? '';
      return { component, prefix, tensors: below(file, prefix) };
    });
  const config = configOf(family, file, new Map(parts.map((p) => [p.component, p.tensors])));
  const parameters = family.parameters(config).filter((p) => Object.hasOwn(folder, componentOf(p.name)));
  const used = new Set<string>();
  for (const { component, prefix, tensors } of parts) {
    const own = parameters.filter((p) => componentOf(p.name) === component);
    const found = resolveParameters(component, own, family.keys(config, component, tensors), tensors, prefix);
    yield verdict(`${component}: nothing missing or misshapen`, found.problems.length === 0);
    for (const name of found.used) used.add(prefix + name);
  }
  const known = (name: string) => optional.has(name) || family.ignored.some((pattern) => pattern.test(name));
  const left = [...file.keys()].filter((name) => !used.has(name) && !known(name));
  yield verdict(`nothing left over: ${left.slice(0, 3).join(', ')}`, left.length === 0);
  const declared = new Map(parameters.map((p) => [p.name, [...p.shape]]));
  const listed = Object.entries(folder)
    .flatMap(([component, keys]) => keys.map(([name, shape]) => [`${component}.${name}`, [...shape]] as const))
    .filter(([name]) => declared.has(name) || !known(name));
  yield verdict(
    'the folder has the same names and shapes',
    isDeepStrictEqual(declared, new Map(listed as [string, number[]][])),
  );
}

/** The same of a ControlNet for SD 1, under its original names and those of a diffusers folder. */
export async function* checkControlNetKeys(single: string): AsyncGenerator<RowCheck> {
  const read = <T>(kind: string): T => JSON.parse(readFileSync(single.replace('.single.', `.${kind}.`), 'utf8')) as T;
  const layouts = {
    single: read<KeyList>('single'),
    diffusers: Object.values(read<Record<string, KeyList>>('diffusers'))[0]!,
  };
  const base = { unet: sd15.unet, weights: { get: () => undefined }, title: 'Stable Diffusion 1' };
  for (const [layout, keys] of Object.entries(layouts)) {
    const tensors = stored(keys);
    const { config, weights } = await openControlNet(noFiles, { path: layout, tensors, metadata: {} }, base);
    const declared = controlNetGraph(config, { height: 64, width: 64 }).parameters;
    const offsets = new Set(declared.map(({ attrs }) => (weights.get(attrs.name) as WeightRange).offset));
    yield verdict(`${layout}: each parameter has a tensor of its own`, offsets.size === declared.length);
    yield verdict(`${layout}: nothing is left over`, declared.length === keys.length);
  }
}

const noFiles = {
  exists: async () => false,
  readText: async () => '',
  source: () => Promise.reject(new Error('no file')),
};

const componentOf = (parameter: string): string => parameter.slice(0, parameter.indexOf('.'));

/** Read off a whole file's tensors, or off those of a VAE by itself, which replaces a model's own. */
function configOf(
  family: ModelFamily,
  tensors: ReadonlyMap<string, StoredTensor>,
  components: ReadonlyMap<string, ReadonlyMap<string, StoredTensor>>,
): unknown {
  if (components.size === 1) return family.withVae(sd15, components.get('vae')!, undefined);
  return family.configOfSingleFile(components, { tensors, values: new Map() });
}
