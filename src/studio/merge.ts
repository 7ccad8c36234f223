/** Merges checkpoint files: one tensor in memory at a time, the whole file or none of it. */

import { mkdir, open, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { UserError } from '#core/errors';
import { f32ToBf16Array, f32ToF16Array } from '#core/half';
import type { FileDType } from '#formats/file-dtype';
import { planSafetensors } from '#formats/safetensors-writer';
import { readWeight } from '#models/adapters/read-weight';
import { isMerged, type MergeRecipe, mergedValues, shareOf } from '#models/merge/recipe';
import type { StoredTensor } from '#models/resolve';
import { openTensorFile, type TensorFile } from '#models/tensor-file';
import { diskError } from './files/disk-error.ts';
import { nodeModelFiles } from './files/model-files.ts';
import { keepWholeFile } from './files/whole-file.ts';

export interface MergeOrder extends MergeRecipe {
  /** Files. */
  readonly a: string;
  readonly b: string;
  /** With it, the difference of B to C is added. */
  readonly c?: string | undefined;
  readonly vae?: string | undefined;
  readonly to: string;
  /** Default: as in A. */
  readonly half?: boolean | undefined;
  /** Names that are left out. */
  readonly discard?: RegExp | undefined;
  readonly force?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: (done: number, total: number) => void;
}

export interface Merged {
  readonly bytes: number;
  readonly merged: number;
  readonly notes: readonly string[];
}

/** Prefix of a VAE inside a checkpoint. */
const vaePrefix = 'first_stage_model.';
const floats: readonly string[] = ['f32', 'f16', 'bf16', 'f64'];

/** Undefined: it was stopped, and nothing is there. @throws UserError `merge.*`; DarkroomError `disk.*` */
export async function mergeModels(order: MergeOrder): Promise<Merged | undefined> {
  const { to, force } = order;
  if (!force && (await stat(to).catch(() => undefined))) {
    throw new UserError('merge.exists', `${to} is there already; give another name or --force.`);
  }
  const open = async (file: string | undefined) => file && (await openTensorFile(nodeModelFiles, file));
  const [a, b, c, vae] = [await open(order.a), await open(order.b), await open(order.c), await open(order.vae)];
  const files = { a: a as TensorFile, b: b as TensorFile, c: c || undefined, vae: vae || undefined };
  const common = [...files.a.tensors.keys()].filter((name) => isMerged(name, files.b.tensors));
  if (common.length === 0) {
    const message = `${order.a} and ${order.b} have no weights of the same name; both must be checkpoints of one layout.`;
    throw new UserError('merge.nothing', message);
  }
  return await write(order, files, common);
}

interface Files {
  readonly a: TensorFile;
  readonly b: TensorFile;
  readonly c: TensorFile | undefined;
  readonly vae: TensorFile | undefined;
}

async function write(order: MergeOrder, files: Files, common: readonly string[]): Promise<Merged | undefined> {
  const { to, signal, onProgress, discard, half } = order;
  const kept = [...files.a.tensors].filter(([name]) => !discard?.test(name));
  const specs = kept.map(([name, tensor]) => ({ name, shape: tensor.shape, dtype: writtenAs(tensor, half), tensor }));
  const recipe = JSON.stringify({ type: 'darkroom', ...named(order) });
  const { header, order: plan, size } = planSafetensors(specs, { sd_merge_recipe: recipe });
  const merging = new Set(common);
  const temporary = `${to}.${process.pid}.partial`;
  try {
    await mkdir(path.dirname(to), { recursive: true });
    const handle = await open(temporary, 'w');
    try {
      await handle.write(header);
      for (const [i, { name, tensor, dtype }] of plan.entries()) {
        if (signal?.aborted) return undefined;
        const values = await valuesOf(name, tensor, files, merging.has(name) ? order : undefined);
        await handle.write(bytesOf(values, dtype));
        onProgress?.(i + 1, plan.length);
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
  const lost = [...files.b.tensors.keys()].filter((name) => name.includes('model') && !files.a.tensors.has(name));
  const notes =
    lost.length === 0 ? [] : [`${lost.length} tensors of B are not in A and were left out, such as ${lost[0]}.`];
  return { bytes: size, merged: common.length, notes };
}

async function valuesOf(name: string, tensor: StoredTensor, files: Files, order: MergeOrder | undefined) {
  const read = async (stored: StoredTensor) => {
    if (!stored.ref) throw new UserError('merge.dtype', `${name} is ${stored.dtype}, which cannot be computed with.`);
    return await readWeight(nodeModelFiles, stored.ref);
  };
  const baked = name.startsWith(vaePrefix) ? files.vae?.tensors.get(name.slice(vaePrefix.length)) : undefined;
  if (baked) return (await read(baked)).data;
  const a = await read(tensor);
  const b = files.b.tensors.get(name);
  if (!order || !b) return a.data;
  const third = files.c?.tensors.get(name);
  const c = files.c ? (third ? await read(third) : 'lacks') : undefined;
  return mergedValues(name, a, await read(b), c, shareOf(name, order));
}

function writtenAs({ dtype }: StoredTensor, half: boolean | undefined): FileDType {
  if (!floats.includes(dtype)) return 'F32';
  if (half) return 'F16';
  return dtype === 'f64' ? 'F32' : (dtype.toUpperCase() as FileDType);
}

function bytesOf(values: Float32Array, dtype: FileDType): Uint8Array {
  const typed = dtype === 'F16' ? f32ToF16Array(values) : dtype === 'BF16' ? f32ToBf16Array(values) : values;
  return new Uint8Array(typed.buffer, typed.byteOffset, typed.byteLength);
}

function named({ a, b, c, vae, multiplier, blockWeights }: MergeOrder) {
  const base = (file: string | undefined) => file && path.basename(file);
  return { a: base(a), b: base(b), c: base(c), bake_in_vae: base(vae), multiplier, blockWeights };
}
