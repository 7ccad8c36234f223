/**
 * Writes a converted model: one tensor in memory at a time, under a temporary name beside the target, synced and renamed
 * at the end, so that there is the whole of it or nothing.
 */

import { type FileHandle, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { UserError } from '#core/errors';
import { sizeOf } from '#core/tensor';
import type { FileDType } from '#formats/file-dtype';
import { planGguf } from '#formats/gguf-writer';
import { packValues, type WrittenForm } from '#formats/pack';
import { planSafetensors } from '#formats/safetensors-writer';
import type { Conversion, PlannedFile, PlannedTensor } from '#models/convert/plan';
import { readTensor } from '#models/convert/tensors';
import { diskError } from '../files/disk-error.ts';
import { nodeModelFiles } from '../files/model-files.ts';
import { syncFolder } from '../files/whole-file.ts';

export interface WriteOptions {
  readonly signal?: AbortSignal | undefined;
  /** Bytes written and to be written. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  /** Lets a file be replaced. */
  readonly force?: boolean | undefined;
}

/** What became of the values: how many are not finite in the form they were given. */
export interface WriteResult {
  readonly bytes: number;
  /** Tensors with values that the form cannot hold: they became infinite or the largest there is. */
  readonly overflowed: readonly string[];
}

/** Undefined: it was stopped. @throws UserError `convert.exists`; DarkroomError `disk-full`, `disk.*` */
export async function writeConversion(
  target: string,
  conversion: Conversion,
  options: WriteOptions = {},
): Promise<WriteResult | undefined> {
  const isFolder = conversion.files.some((file) => file.path !== '');
  if (!options.force && (await exists(target))) {
    const advice = isFolder ? 'give the name of a new folder' : 'give another name or --force';
    throw new UserError('convert.exists', `${target} is there already; ${advice}.`);
  }
  const temporary = `${target}.${process.pid}.partial`;
  try {
    await mkdir(path.dirname(target), { recursive: true });
    const writer = new Writer(conversion, options);
    for (const file of conversion.files) await writer.write(path.join(temporary, file.path), file);
    for (const [name, text] of Object.entries(conversion.texts)) await writeText(path.join(temporary, name), text);
    if (options.signal?.aborted) return undefined;
    if (isFolder && options.force) await rm(target, { recursive: true, force: true });
    await rename(temporary, target);
    await syncFolder(path.dirname(target));
    return writer.result();
  } catch (error) {
    throw diskError(error, target);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

async function exists(file: string): Promise<boolean> {
  return (await stat(file).catch(() => undefined)) !== undefined;
}

async function writeText(file: string, text: string): Promise<void> {
  await withFile(file, (handle) => handle.writeFile(text));
}

async function withFile(file: string, work: (handle: FileHandle) => Promise<void>): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true });
  const handle = await open(file, 'w');
  try {
    await work(handle);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

class Writer {
  readonly #options: WriteOptions;
  readonly #total: number;
  readonly #overflowed: string[] = [];
  #bytes = 0;

  constructor({ files }: Conversion, options: WriteOptions) {
    this.#options = options;
    // As halves; only how far it is, is told by it.
    this.#total = files.reduce((sum, file) => sum + file.tensors.reduce((n, { shape }) => n + 2 * sizeOf(shape), 0), 0);
  }

  result(): WriteResult {
    return { bytes: this.#bytes, overflowed: this.#overflowed };
  }

  write(file: string, planned: PlannedFile): Promise<void> {
    return withFile(file, (handle) =>
      planned.container === 'gguf' ? this.#gguf(handle, planned) : this.#safetensors(handle, planned),
    );
  }

  async #safetensors(handle: FileHandle, { tensors, metadata }: PlannedFile): Promise<void> {
    const specs = tensors.map(({ name, shape, form, dtype, ...rest }) => {
      const planned = { name, shape, form, dtype, ...rest };
      return {
        name,
        shape,
        dtype: form === 'as-is' ? (dtype.toUpperCase() as FileDType) : (form as FileDType),
        planned,
      };
    });
    const { header, order } = planSafetensors(specs, Object.keys(metadata).length > 0 ? metadata : undefined);
    await this.#put(handle, header);
    for (const { planned } of order) if (!(await this.#tensor(handle, planned))) return;
  }

  async #gguf(handle: FileHandle, { tensors, metadata }: PlannedFile): Promise<void> {
    const specs = tensors.map((tensor) => ({ ...tensor, form: tensor.form as Exclude<WrittenForm, 'F8_E4M3'> }));
    const { header, order } = planGguf(specs, metadata);
    await this.#put(handle, header);
    for (const { padding, byteLength: _, ...tensor } of order) {
      if (!(await this.#tensor(handle, tensor))) return;
      if (padding > 0) await this.#put(handle, new Uint8Array(padding));
    }
  }

  /** False: it is to stop. */
  async #tensor(handle: FileHandle, tensor: PlannedTensor): Promise<boolean> {
    if (this.#options.signal?.aborted) return false;
    await this.#put(handle, await this.#bytesOf(tensor));
    this.#options.onProgress?.(Math.min(this.#bytes, this.#total), this.#total);
    return true;
  }

  async #bytesOf(tensor: PlannedTensor): Promise<Uint8Array> {
    const [ref] = tensor.refs;
    const isStored = tensor.form === 'as-is' || tensor.form.toLowerCase() === tensor.dtype.toLowerCase();
    if (isStored && tensor.refs.length === 1 && !tensor.transpose && ref?.kind === 'file' && !ref.transpose) {
      return await (await nodeModelFiles.source(ref.path)).read(ref.offset, ref.byteLength);
    }
    const values = await readTensor(nodeModelFiles, tensor);
    const limit = largest[tensor.form as WrittenForm];
    if (limit !== undefined && values.some((v) => Math.abs(v) > limit && Number.isFinite(v))) {
      this.#overflowed.push(tensor.name);
    }
    return packValues(tensor.form as WrittenForm, values);
  }

  async #put(handle: FileHandle, bytes: Uint8Array): Promise<void> {
    await handle.writeFile(bytes);
    this.#bytes += bytes.length;
  }
}

/** Magnitudes above which a form has no number. */
const largest: Readonly<Partial<Record<WrittenForm, number>>> = { F16: 65_519, F8_E4M3: 448 };
