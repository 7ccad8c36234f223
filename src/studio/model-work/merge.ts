/**
 * Merges checkpoint files, bakes a VAE and LoRAs into one: one tensor in memory at a time, the whole file or none of it.
 */

import { mkdir, open, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { isFloat } from '#core/dtype';
import { UserError } from '#core/errors';
import { f32ToBf16Array, f32ToF16Array } from '#core/half';
import type { FileDType } from '#formats/file-dtype';
import { planSafetensors } from '#formats/safetensors-writer';
import { type BakedTensors, bakedTensors } from '#models/adapters/bake';
import { readWeight } from '#models/adapters/read-weight';
import { embeddedConfigKey } from '#models/embedded-config';
import { loadCheckpoint } from '#models/load';
import { isMerged, type MergeRecipe, mergedValues, shareOf } from '#models/merge/recipe';
import type { StoredTensor } from '#models/resolve';
import { openTensorFile, type TensorFile } from '#models/tensor-file';
import { appliedLoras } from '#pipelines/adapters';
import { copyYaml } from '../convert/copy-side-files.ts';
import { diskError } from '../files/disk-error.ts';
import { nodeModelFiles } from '../files/model-files.ts';
import { keepWholeFile } from '../files/whole-file.ts';
import { loraOpener } from '../library/adapters.ts';
import { findModelFile } from '../library/open-model.ts';
import type { Made, MakeContext, MakeRequest } from './make.ts';

/** What A's metadata says that holds for the result as well: how its weights are read. */
const carried = [embeddedConfigKey, 'modelspec.architecture', 'modelspec.prediction_type', 'modelspec.resolution'];
/** Prefix of a VAE inside a checkpoint. */
const vaePrefix = 'first_stage_model.';

interface Files {
  readonly a: TensorFile;
  readonly b: TensorFile | undefined;
  readonly c: TensorFile | undefined;
  readonly vae: TensorFile | undefined;
}

/** Undefined: it was stopped, and nothing is there. @throws UserError `merge.*`; DarkroomError `disk.*` */
export async function mergeModels(
  request: MakeRequest<'merge'>,
  context: MakeContext,
): Promise<(Made & { merged: number }) | undefined> {
  const { to, force, roots } = context;
  if (!force && (await stat(to).catch(() => undefined))) {
    throw new UserError('merge.exists', `${to} is there already; give another name or --force.`);
  }
  const file = async (name: string | undefined, kind: 'model' | 'vae' = 'model') =>
    name === undefined ? undefined : await openSingleFile(await findModelFile(kind, name, roots));
  const { a, b, difference, vae, loras } = request;
  if (b === undefined && (difference !== undefined || (vae === undefined && loras.length === 0))) {
    const message = 'One checkpoint alone makes nothing new: give a second one to mix in, a VAE or LoRAs.';
    throw new UserError('merge.nothing', message);
  }
  const files = { a: (await file(a))!, b: await file(b), c: await file(difference), vae: await file(vae, 'vae') };
  const baked: BakedTensors = loras.length === 0 ? new Map() : await bakedLoras(files.a, loras, roots);
  const common = [...files.a.tensors.keys()].filter((name) => files.b && isMerged(name, files.b.tensors));
  if (files.b && common.length === 0) {
    const message = `${a} and ${b} have no weights of the same name; both must be checkpoints of one layout.`;
    throw new UserError('merge.nothing', message);
  }
  return await new Merger(request, context, files, new Set(common), baked).write();
}

async function openSingleFile(file: string): Promise<TensorFile> {
  if ((await stat(file)).isFile()) return await openTensorFile(nodeModelFiles, file);
  const advice = 'darkroom convert makes a single file of it';
  throw new UserError('merge.folder', `${file} is a folder; single files can be merged. ${advice}.`);
}

async function bakedLoras(a: TensorFile, texts: readonly string[], roots: readonly string[]): Promise<BakedTensors> {
  const loaded = await loadCheckpoint(nodeModelFiles, a.path, { partial: true });
  const applied = await appliedLoras(texts, { openLora: loraOpener(loaded, roots) });
  return bakedTensors(loaded, a.tensors, applied);
}

class Merger {
  readonly #request: MakeRequest<'merge'>;
  readonly #context: MakeContext;
  readonly #files: Files;
  readonly #common: ReadonlySet<string>;
  readonly #baked: BakedTensors;

  constructor(
    request: MakeRequest<'merge'>,
    context: MakeContext,
    files: Files,
    common: ReadonlySet<string>,
    baked: BakedTensors,
  ) {
    this.#request = request;
    this.#context = context;
    this.#files = files;
    this.#common = common;
    this.#baked = baked;
  }

  async write(): Promise<(Made & { merged: number }) | undefined> {
    const { to, signal, onProgress } = this.#context;
    const { header, order, size } = this.#plan();
    const temporary = `${to}.${process.pid}.partial`;
    try {
      await mkdir(path.dirname(to), { recursive: true });
      const handle = await open(temporary, 'w');
      try {
        await handle.write(header);
        for (const [i, { name, tensor, dtype }] of order.entries()) {
          if (signal?.aborted) return undefined;
          await handle.write(bytesOf(await this.#valuesOf(name, tensor), dtype));
          onProgress?.(i + 1, order.length);
        }
      } finally {
        await handle.close();
      }
      await keepWholeFile(temporary, to);
    } catch (error) {
      throw diskError(error, to);
    } finally {
      await rm(temporary, { force: true });
    }
    const merged = new Set([...this.#common, ...this.#baked.keys()]).size;
    const copied = await copyYaml(this.#files.a.path, to);
    return { bytes: size, merged, notes: [...this.#notes(), ...copied] };
  }

  #plan() {
    const { discard, half, ...asked } = this.#request;
    const pattern = discard === undefined ? undefined : new RegExp(discard);
    const kept = [...this.#files.a.tensors].filter(([name]) => !pattern?.test(name));
    const specs = kept.map(([name, tensor]) => ({ name, shape: tensor.shape, dtype: writtenAs(tensor, half), tensor }));
    const own = Object.entries(this.#files.a.metadata).filter(([name]) => carried.includes(name));
    const recipe = JSON.stringify({ type: 'darkroom', ...recipeOf(asked) });
    return planSafetensors(specs, { ...Object.fromEntries(own), sd_merge_recipe: recipe });
  }

  async #valuesOf(name: string, tensor: StoredTensor): Promise<Float32Array> {
    const { b: second, c: third, vae } = this.#files;
    const baked = name.startsWith(vaePrefix) ? vae?.tensors.get(name.slice(vaePrefix.length)) : undefined;
    if (baked) return (await read(name, baked)).data;
    const a = await read(name, tensor);
    const b = this.#common.has(name) ? second?.tensors.get(name) : undefined;
    const change = this.#baked.get(name) ?? ((values) => values);
    if (!b) return change(a.data);
    const lacks = third && !third.tensors.has(name);
    const c = lacks ? 'lacks' : third && (await read(name, third.tensors.get(name)!));
    return change(mergedValues(name, a, await read(name, b), c, shareOf(name, this.#request satisfies MergeRecipe)));
  }

  #notes(): string[] {
    const { a, b } = this.#files;
    const lost = [...(b?.tensors.keys() ?? [])].filter((name) => name.includes('model') && !a.tensors.has(name));
    return lost.length === 0 ? [] : [`${lost.length} tensors of B are not in A and were left out, such as ${lost[0]}.`];
  }
}

async function read(name: string, { ref, dtype }: StoredTensor) {
  if (!ref) throw new UserError('merge.dtype', `${name} is ${dtype}, which cannot be computed with.`);
  return await readWeight(nodeModelFiles, ref);
}

function writtenAs({ dtype }: StoredTensor, half: boolean): FileDType {
  if (!isFloat(dtype)) return 'F32';
  if (half) return 'F16';
  return dtype === 'f64' ? 'F32' : (dtype.toUpperCase() as FileDType);
}

function bytesOf(values: Float32Array, dtype: FileDType): Uint8Array {
  const typed = dtype === 'F16' ? f32ToF16Array(values) : dtype === 'BF16' ? f32ToBf16Array(values) : values;
  return new Uint8Array(typed.buffer, typed.byteOffset, typed.byteLength);
}

/** As files are called, not where they lie. */
function recipeOf({ a, b, difference: c, vae, loras, multiplier, blockWeights }: Omit<MakeRequest<'merge'>, 'half'>) {
  const base = (file: string | undefined) => file && path.basename(file);
  return { a: base(a), b: base(b), c: base(c), bake_in_vae: base(vae), loras, multiplier, blockWeights };
}
