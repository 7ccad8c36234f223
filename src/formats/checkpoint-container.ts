/**
 * The two containers of torch.save: the zip archive (torch 1.6 and later) and the legacy stream of five pickles with
 * raw storages after them. Source: torch/serialization.py (`_load`, `_legacy_load`). The tar form of torch 0.1 is
 * refused, as torch's own safe mode does.
 */

import type { ByteSource } from './byte-source.ts';
import { viewOf } from './bytes.ts';
import { bitsOf } from './file-dtype.ts';
import { describeSignature, SIGNATURE_BYTES } from './file-signature.ts';
import { FormatError } from './format-error.ts';
import { readPickle } from './pickle.ts';
import { PickleDict, PickleList, type PickleStorage, type PickleValue } from './pickle-value.ts';
import { quoteName } from './quote-name.ts';
import { decodeLatin1 } from './text.ts';
import { torchPickleRules } from './torch-globals.ts';
import { readZipDirectory, readZipMember, type ZipMember } from './zip.ts';

/** Pickles of real checkpoints take a few hundred kilobytes. */
const MAX_PICKLE_BYTES = 64 * 2 ** 20;
const MAX_VERSION = 10;
const LEGACY_MAGIC = 0x1950a86a20f9469cfc6cn;
const LEGACY_VERSION = 1001;

type CheckpointFault = 'malformed' | 'truncated' | 'unsupported' | 'unrecognised' | 'bad-tensor';

/** What is wrong with a checkpoint; `openCheckpoint` adds the file. */
export function checkpointError(kind: CheckpointFault, what: string): FormatError {
  return new FormatError(`checkpoint.${kind}`, what);
}

/** The bytes of one storage. */
export interface StorageBlock {
  readonly byteLength: number;
  /** Where the bytes lie in the file as they are; undefined when they are compressed or in another byte order. */
  readonly offset: number | undefined;
  /** All bytes, little endian, with their checksum verified where the container has one. */
  read(): Promise<Uint8Array>;
}

export interface CheckpointContainer {
  readonly kind: 'zip' | 'legacy';
  readonly root: PickleValue;
  /** The block of a storage. Throws `checkpoint.bad-tensor` when it is absent or has another size. */
  block(storage: PickleStorage): StorageBlock;
}

/** Opens a checkpoint. Throws FormatError, in which the file may be missing. */
export async function openCheckpointContainer(source: ByteSource): Promise<CheckpointContainer> {
  if (source.size === 0) throw checkpointError('truncated', 'the file is empty; download it again');
  const start = await source.read(0, Math.min(source.size, 512));
  const text = decodeLatin1(start);
  if (text.startsWith('PK\x03\x04')) return openZip(source);
  if (text.startsWith('\x80')) return openLegacy(source);
  if (text.slice(257, 262) === 'ustar')
    throw checkpointError('unsupported', 'a tar checkpoint of torch 0.1; save it again with a newer torch');
  const looks = describeSignature(start.subarray(0, SIGNATURE_BYTES));
  const what = looks ? `it looks like ${looks}` : 'it is neither a zip archive nor a pickle';
  throw checkpointError('unrecognised', `not a PyTorch checkpoint: ${what}`);
}

function bytesOf(storage: PickleStorage): number {
  return (storage.numel * (storage.dtype === undefined ? 8 : bitsOf(storage.dtype))) / 8;
}

function checkSize(storage: PickleStorage, byteLength: number): void {
  const expected = bytesOf(storage);
  if (byteLength === expected) return;
  const what = `has ${byteLength} bytes, expected ${expected} for ${storage.numel} elements`;
  throw checkpointError('bad-tensor', `storage ${quoteName(storage.key)} ${what}`);
}

function absent({ key }: PickleStorage): FormatError {
  return checkpointError('bad-tensor', `storage ${quoteName(key)} is not in the file`);
}

async function openZip(source: ByteSource): Promise<CheckpointContainer> {
  const members = await readZipDirectory(source);
  const root = zipRoot(members);
  const text = async (name: string): Promise<string | undefined> => {
    const member = members.get(`${root}/${name}`);
    return member && decodeLatin1(await readZipMember(source, member, 1024)).trim();
  };
  const version = (await text('version')) ?? '3';
  if (!/^[0-9]{1,4}$/.test(version) || Number(version) > MAX_VERSION) {
    const what = `version ${quoteName(version)} of the format, expected at most ${MAX_VERSION}`;
    throw checkpointError('unsupported', what);
  }
  const order = (await text('byteorder')) ?? 'little';
  if (order !== 'little' && order !== 'big')
    throw checkpointError('malformed', `byte order ${quoteName(order)}, expected little or big`);
  const pickle = await readZipMember(source, members.get(`${root}/data.pkl`)!, MAX_PICKLE_BYTES);
  const { value } = readPickle(pickle, torchPickleRules());
  const block = (storage: PickleStorage): StorageBlock => {
    const member = members.get(`${root}/data/${storage.key}`);
    if (!member) throw absent(storage);
    checkSize(storage, member.size);
    return zipBlock(source, member, storage, order === 'big');
  };
  return { kind: 'zip', root: value, block };
}

/** The one top folder, which holds data.pkl. */
function zipRoot(members: ReadonlyMap<string, ZipMember>): string {
  const roots = new Set([...members.keys()].map((name) => name.slice(0, Math.max(0, name.indexOf('/')))));
  const [root] = roots;
  if (roots.size !== 1 || !root || !members.has(`${root}/data.pkl`)) {
    const what = 'a zip archive without a single folder that holds data.pkl: not a checkpoint of torch.save';
    throw checkpointError('malformed', what);
  }
  if (members.has(`${root}/constants.pkl`))
    throw checkpointError('unsupported', 'a TorchScript program, not a checkpoint; its code is never run');
  return root;
}

function zipBlock(source: ByteSource, member: ZipMember, storage: PickleStorage, big: boolean): StorageBlock {
  const width = storage.dtype === undefined ? 1 : elementWidth(storage);
  const swap = big && width > 1;
  return {
    byteLength: member.size,
    offset: member.method === 'stored' && !swap ? member.offset : undefined,
    async read() {
      const bytes = await readZipMember(source, member, member.size);
      return swap ? swapBytes(bytes, width) : bytes;
    },
  };
}

/** Bytes of the numbers a storage is made of: a complex number is two of them. */
function elementWidth({ dtype }: PickleStorage): number {
  return dtype === 'C64' ? 4 : bitsOf(dtype!) / 8;
}

function swapBytes(bytes: Uint8Array, width: number): Uint8Array {
  const out = new Uint8Array(bytes.length);
  for (let i = 0; i < bytes.length; i++) out[i] = bytes[i - (i % width) + width - 1 - (i % width)]!;
  return out;
}

interface LegacyPickles {
  readonly root: PickleValue;
  readonly storages: ReadonlyMap<string, PickleStorage>;
  readonly keys: readonly string[];
  /** The byte after the last pickle. */
  readonly end: number;
}

async function openLegacy(source: ByteSource): Promise<CheckpointContainer> {
  const { root, storages, keys, end } = await readLegacyPickles(source);
  const blocks = new Map<string, StorageBlock>();
  let at = end;
  for (const key of keys) {
    const storage = storages.get(key);
    if (!storage || blocks.has(key))
      throw checkpointError('malformed', `storage ${quoteName(key)} is listed but not used once`);
    const found = await legacyBlock(source, storage, at);
    blocks.set(key, found);
    at = found.offset + found.byteLength;
  }
  const block = (storage: PickleStorage): StorageBlock => {
    const found = blocks.get(storage.key);
    if (!found) throw absent(storage);
    checkSize(storage, found.byteLength);
    return found;
  };
  return { kind: 'legacy', root, block };
}

/** A storage as it stands in the stream: the count of its elements, then their bytes. */
async function legacyBlock(source: ByteSource, storage: PickleStorage, at: number) {
  const count = at + 8 <= source.size ? viewOf(await source.read(at, 8)).getBigUint64(0, true) : undefined;
  const offset = at + 8;
  const byteLength = bytesOf(storage);
  if (count !== undefined && count !== BigInt(storage.numel))
    checkSize(storage, (Number(count) * byteLength) / storage.numel);
  if (count === undefined || offset + byteLength > source.size) {
    const what = `the file ends inside storage ${quoteName(storage.key)}; it is cut short, download it again`;
    throw checkpointError('truncated', what);
  }
  return { byteLength, offset, read: async () => await source.read(offset, byteLength) };
}

/** Reads more of the file until the five pickles are complete: their length is stated nowhere. */
async function readLegacyPickles(source: ByteSource): Promise<LegacyPickles> {
  for (let length = 2 ** 20; ; length *= 4) {
    const bytes = await source.read(0, Math.min(length, source.size));
    try {
      return parseLegacyPickles(bytes);
    } catch (error) {
      const more = bytes.length < source.size && bytes.length < MAX_PICKLE_BYTES;
      if (!(error instanceof FormatError) || error.code !== 'pickle.truncated' || !more) throw error;
    }
  }
}

function parseLegacyPickles(bytes: Uint8Array): LegacyPickles {
  let at = 0;
  const next = (rules = torchPickleRules()): PickleValue => {
    const { value, end } = readPickle(bytes, rules, at);
    at = end;
    return value;
  };
  if (next() !== LEGACY_MAGIC)
    throw checkpointError('unrecognised', 'a pickle, but not one of torch.save (its magic number is missing)');
  const version = next();
  if (version !== LEGACY_VERSION) {
    const what = `version ${String(version)} of the legacy format, expected ${LEGACY_VERSION}`;
    throw checkpointError('unsupported', what);
  }
  const info = next();
  const rules = torchPickleRules();
  const root = next(rules);
  const keys = next();
  const names = keys instanceof PickleList ? keys.items : [];
  if (!(info instanceof PickleDict) || !(keys instanceof PickleList) || !names.every((k) => typeof k === 'string'))
    throw checkpointError('malformed', 'a legacy checkpoint without system information and a list of storages');
  if (info.get('little_endian') === false)
    throw checkpointError('unsupported', 'a legacy checkpoint in big-endian order; save it again with a newer torch');
  return { root, storages: rules.storages, keys: names, end: at };
}
