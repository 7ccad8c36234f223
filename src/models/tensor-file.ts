/**
 * One file of tensors: names, element types, shapes, and where the bytes of each are. The data stays in the file,
 * except for what a PyTorch checkpoint stores in another order.
 */

import type { HostTensor } from '#core/tensor';
import type { ByteSource } from '#formats/byte-source';
import { type Checkpoint, type CheckpointTensor, openCheckpoint, readCheckpointTensor } from '#formats/checkpoint';
import { coreDType, type FileTensor } from '#formats/file-dtype';
import { SIGNATURE_BYTES, tensorContainer } from '#formats/file-signature';
import { type GgufTensor, readGgufHeader } from '#formats/gguf';
import {
  PickleDict,
  PickleList,
  PickleObject,
  PickleTensor,
  PickleTuple,
  type PickleValue,
} from '#formats/pickle-value';
import { readSafetensorsHeader } from '#formats/safetensors';
import { ModelFileError } from './model-error.ts';
import type { StoredTensor } from './resolve.ts';
import { withScales } from './scaled-weights.ts';

/** The file system as far as models need it; paths have forward slashes. */
export interface ModelFiles {
  exists(path: string): Promise<boolean>;
  readText(path: string): Promise<string>;
  source(path: string): Promise<ByteSource>;
}

export interface TensorFile {
  readonly path: string;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  readonly metadata: Readonly<Record<string, string>>;
  /** Several tables of weights that the file holds, by key: the one that was taken, then the others. */
  readonly choices?: readonly string[] | undefined;
}

/** The tensors of one file: what it is by its first bytes, whatever its name says; by its name where they do not tell. */
export async function openTensorFile(files: ModelFiles, path: string): Promise<TensorFile> {
  const source = await files.source(path);
  const container = tensorContainer(await source.read(0, Math.min(SIGNATURE_BYTES, source.size)));
  const file = await openers[container ?? containerByName(path)](source, path);
  return { ...file, tensors: withScales(unwrapped(file.tensors), source) };
}

type Container = NonNullable<ReturnType<typeof tensorContainer>>;

const openers: Readonly<Record<Container, (source: ByteSource, path: string) => Promise<TensorFile>>> = {
  safetensors: openSafetensors,
  torch: openTorchFile,
  gguf: openGguf,
};

function containerByName(path: string): Container {
  if (/\.gguf$/i.test(path)) return 'gguf';
  return /\.(ckpt|pt|pth|bin)$/i.test(path) ? 'torch' : 'safetensors';
}

/** What torch.compile, FSDP and activation checkpointing put into the names of what they wrap. */
const wrapper = /(^|\.)(_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\./g;
/** What DataParallel puts before all names. */
const parallel = 'module.';

/** Tensors under the names that they have without wrappers; where both are there, the plain one stays. */
function unwrapped(tensors: ReadonlyMap<string, StoredTensor>): ReadonlyMap<string, StoredTensor> {
  const names = [...tensors.keys()];
  const start = names.length > 0 && names.every((name) => name.startsWith(parallel)) ? parallel.length : 0;
  const plain = new Map<string, StoredTensor>();
  for (const [name, tensor] of tensors) {
    const unwrappedName = name.slice(start).replaceAll(wrapper, '$1');
    if (unwrappedName === name || !tensors.has(unwrappedName)) plain.set(unwrappedName, tensor);
  }
  return plain;
}

async function openSafetensors(source: ByteSource, path: string): Promise<TensorFile> {
  const { tensors: entries, metadata } = await readSafetensorsHeader(source);
  const tensors = new Map([...entries].map(([name, entry]) => [name, inPlace(source, path, entry, entry.offset)]));
  return { path, tensors, metadata };
}

async function openGguf(source: ByteSource, path: string): Promise<TensorFile> {
  const header = await readGgufHeader(source);
  const metadata = [...header.metadata].flatMap(([key, value]) => (typeof value === 'string' ? [[key, value]] : []));
  const tensors = new Map([...header.tensors].map(([name, entry]) => [name, ofGguf(source, path, entry)]));
  return { path, tensors, metadata: Object.fromEntries(metadata) };
}

function ofGguf(source: ByteSource, path: string, { type, ...entry }: GgufTensor): StoredTensor {
  const { packing } = type;
  if (type.dtype) return inPlace(source, path, { ...entry, dtype: type.dtype }, entry.offset);
  const { offset, byteLength, shape } = entry;
  return {
    dtype: type.name,
    shape,
    ref: packing && { kind: 'packed', path, source, offset, byteLength, packing, shape },
  };
}

/** A file's reordered or compressed tensors may take so much more memory than the file. */
const MAX_UNPACKED = 4;
const MIN_UNPACKED_BYTES = 64 * 2 ** 20;

/**
 * Tensors that the file holds in another order, or compressed, are read into memory; the others stay where they are.
 * Where no table of tensors is (embeddings, hypernetworks), those deep in the saved value, by the path to them; its
 * plain values are then the metadata.
 */
async function openTorchFile(source: ByteSource, path: string): Promise<TensorFile> {
  const checkpoint = await openCheckpoint(source);
  const tensors = new Map<string, StoredTensor>();
  let room = source.size * MAX_UNPACKED + MIN_UNPACKED_BYTES;
  const nested = checkpoint.tensors.size === 0 ? nestedValues(checkpoint) : undefined;
  for (const [name, entry] of nested?.tensors ?? checkpoint.tensors) {
    const movable = entry.offset === undefined && coreDType(entry.dtype) !== undefined;
    if (movable) room -= entry.byteLength;
    if (room < 0) throw new ModelFileError('repeats', 'its tensors repeat what is stored many times over', path);
    if (movable) tensors.set(name, inMemory(await readCheckpointTensor(checkpoint, entry)));
    else tensors.set(name, inPlace(source, path, entry, entry.offset));
  }
  return { path, tensors, metadata: nested?.metadata ?? {}, choices: checkpoint.choices };
}

type Entry = Pick<FileTensor, 'dtype' | 'shape' | 'byteLength'>;

function inPlace(
  source: ByteSource,
  path: string,
  { dtype: stored, shape, byteLength }: Entry,
  offset: number | undefined,
): StoredTensor {
  if ((stored === 'F8_E4M3' || stored === 'F8_E5M2') && offset !== undefined) {
    return { dtype: stored, shape, ref: { kind: 'packed', path, source, offset, byteLength, packing: stored, shape } };
  }
  const dtype = coreDType(stored);
  if (dtype === undefined || offset === undefined) return { dtype: dtype ?? stored, shape, ref: undefined };
  return { dtype, shape, ref: { kind: 'file', path, offset, byteLength, dtype, shape } };
}

function inMemory(tensor: HostTensor): StoredTensor {
  return { dtype: tensor.dtype, shape: tensor.shape, ref: { kind: 'memory', tensor } };
}

const plainTypes: readonly string[] = ['string', 'number', 'boolean'];

interface NestedValues {
  readonly tensors: ReadonlyMap<string, CheckpointTensor>;
  readonly metadata: Readonly<Record<string, string>>;
}

function nestedValues({ root, locate }: Checkpoint): NestedValues {
  const tensors = new Map<string, CheckpointTensor>();
  const metadata: [string, string][] = [];
  const open: [path: string, value: PickleValue][] = [['', root]];
  const seen = new Set<PickleValue>();
  for (let next = open.pop(); next; next = open.pop()) {
    const [path, value] = next;
    if (value instanceof PickleTensor) tensors.set(path, locate(path, value));
    else if (!path.includes('.') && plainTypes.includes(typeof value)) metadata.push([path, String(value)]);
    if (typeof value !== 'object' || value === null || seen.has(value)) continue;
    seen.add(value);
    // In the order of the file.
    for (const [key, child] of entriesOf(value).reverse()) open.push([path === '' ? key : `${path}.${key}`, child]);
  }
  return { tensors, metadata: Object.fromEntries(metadata) };
}

function entriesOf(value: PickleValue): [string, PickleValue][] {
  if (value instanceof PickleDict) return [...value.entries].map(([key, v]) => [String(key), v]);
  if (value instanceof PickleList || value instanceof PickleTuple) return value.items.map((v, i) => [String(i), v]);
  // A module's dictionary of parameters, as torch before 1.12 saved it.
  if (value instanceof PickleObject && value.state instanceof PickleDict) {
    const own = value.state.get('_parameters');
    return own instanceof PickleDict ? entriesOf(own) : [];
  }
  return [];
}
