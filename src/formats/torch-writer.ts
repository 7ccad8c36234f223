/**
 * Files that `torch.load` opens (torch >= 1.6): a stored zip archive with a pickle of protocol 2 and a member for each
 * tensor. For formats that other programs read in no other form, such as A1111's hypernetworks; models are written as
 * safetensors.
 *
 * Only what a reader with restrictions takes is written: dictionaries, tuples, lists, texts, numbers, float32 tensors.
 */

import { InternalError } from '#core/errors';
import type { HostTensor } from '#core/tensor';
import { crc32 } from './crc32.ts';
import { encodeUtf8 } from './text.ts';

export type TorchValue =
  | null
  | boolean
  | number
  | string
  | HostTensor
  | readonly TorchValue[]
  /** A tuple of two. */
  | TorchPair
  | ReadonlyMap<string | number, TorchValue>;

export class TorchPair {
  readonly first: TorchValue;
  readonly second: TorchValue;

  constructor(first: TorchValue, second: TorchValue) {
    this.first = first;
    this.second = second;
  }
}

/** The bytes of a file with `value` in it. */
export function writeTorch(value: TorchValue): Uint8Array {
  const pickler = new Pickler();
  const pickle = pickler.pickle(value);
  const data = pickler.storages.map((bytes, i): Member => [`archive/data/${i}`, bytes]);
  return storedZip([
    ['archive/data.pkl', pickle],
    ['archive/byteorder', encodeUtf8('little')],
    ...data,
    ['archive/version', encodeUtf8('3\n')],
  ]);
}

class Pickler {
  readonly #bytes: number[] = [];
  readonly storages: Uint8Array[] = [];

  pickle(value: TorchValue): Uint8Array {
    this.#bytes.push(0x80, 2);
    this.#value(value);
    this.#op('.');
    return Uint8Array.from(this.#bytes);
  }

  #op(code: string): void {
    this.#bytes.push(code.charCodeAt(0));
  }

  #value(value: TorchValue): void {
    if (value === null) this.#op('N');
    else if (typeof value === 'boolean') this.#bytes.push(value ? 0x88 : 0x89);
    else if (typeof value === 'number') this.#number(value);
    else if (typeof value === 'string') this.#text(value);
    else if (value instanceof TorchPair) {
      this.#value(value.first);
      this.#value(value.second);
      this.#bytes.push(0x86);
    } else if (value instanceof Map) this.#map(value as ReadonlyMap<string | number, TorchValue>);
    else if (Array.isArray(value)) this.#list(value as readonly TorchValue[]);
    else this.#tensor(value as HostTensor);
  }

  #number(value: number): void {
    if (Number.isInteger(value) && Math.abs(value) < 2 ** 31) {
      this.#op('J');
      this.#view(4, (view) => view.setInt32(0, value, true));
    } else {
      this.#op('G');
      this.#view(8, (view) => view.setFloat64(0, value, false));
    }
  }

  #view(length: number, write: (view: DataView) => void): void {
    const bytes = new Uint8Array(length);
    write(new DataView(bytes.buffer));
    this.#bytes.push(...bytes);
  }

  #text(text: string): void {
    const bytes = encodeUtf8(text);
    this.#op('X');
    this.#view(4, (view) => view.setUint32(0, bytes.length, true));
    this.#bytes.push(...bytes);
  }

  #map(map: ReadonlyMap<string | number, TorchValue>): void {
    this.#op('}');
    this.#op('(');
    for (const [key, value] of map) {
      this.#value(key);
      this.#value(value);
    }
    this.#op('u');
  }

  #list(list: readonly TorchValue[]): void {
    this.#op(']');
    this.#op('(');
    for (const value of list) this.#value(value);
    this.#op('e');
  }

  #global(module: string, name: string): void {
    this.#op('c');
    this.#bytes.push(...encodeUtf8(`${module}\n${name}\n`));
  }

  #numbers(values: readonly number[]): void {
    this.#op('(');
    for (const value of values) this.#number(value);
    this.#op('t');
  }

  /** torch._utils._rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks) */
  #tensor({ dtype, shape, data }: HostTensor): void {
    if (dtype !== 'f32') throw new InternalError(`a torch file takes float32 tensors here, got ${dtype}`);
    const key = String(this.storages.length);
    this.storages.push(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    this.#global('torch._utils', '_rebuild_tensor_v2');
    this.#op('(');
    this.#op('(');
    this.#text('storage');
    this.#global('torch', 'FloatStorage');
    this.#text(key);
    this.#text('cpu');
    this.#number(data.length);
    this.#op('t');
    this.#op('Q');
    this.#number(0);
    this.#numbers(shape);
    this.#numbers(shape.map((_, i) => shape.slice(i + 1).reduce((a, b) => a * b, 1)));
    this.#value(false);
    this.#global('collections', 'OrderedDict');
    this.#op(')');
    this.#op('R');
    this.#op('t');
    this.#op('R');
  }
}

type Member = readonly [name: string, bytes: Uint8Array];

/** An archive whose members are as they are (PKWARE APPNOTE 6.3.10), below 4 GiB. */
function storedZip(members: readonly Member[]): Uint8Array {
  const parts: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let at = 0;
  for (const [name, bytes] of members) {
    const facts = { name: encodeUtf8(name), crc: crc32(bytes), size: bytes.length, offset: at };
    const local = header(0x04034b50, facts, 30);
    directory.push(header(0x02014b50, facts, 46));
    parts.push(local, bytes);
    at += local.length + bytes.length;
  }
  const size = directory.reduce((sum, part) => sum + part.length, 0);
  const end = new Uint8Array(22);
  const view = new DataView(end.buffer);
  view.setUint32(0, 0x06054b50, true);
  view.setUint16(8, members.length, true);
  view.setUint16(10, members.length, true);
  view.setUint32(12, size, true);
  view.setUint32(16, at, true);
  return joined([...parts, ...directory, end]);
}

interface MemberFacts {
  readonly name: Uint8Array;
  readonly crc: number;
  readonly size: number;
  readonly offset: number;
}

/** A local header (30 bytes before the name) or an entry of the directory (46). */
function header(signature: number, { name, crc, size, offset }: MemberFacts, length: 30 | 46): Uint8Array {
  const bytes = new Uint8Array(length + name.length);
  const view = new DataView(bytes.buffer);
  const isEntry = length === 46;
  const shift = isEntry ? 2 : 0;
  view.setUint32(0, signature, true);
  if (isEntry) view.setUint16(4, 20, true);
  view.setUint16(4 + shift, 20, true);
  view.setUint16(6 + shift, 0x0800, true);
  // The first day that the format knows.
  view.setUint16(12 + shift, 33, true);
  view.setUint32(14 + shift, crc, true);
  view.setUint32(18 + shift, size, true);
  view.setUint32(22 + shift, size, true);
  view.setUint16(26 + shift, name.length, true);
  if (isEntry) view.setUint32(42, offset, true);
  bytes.set(name, length);
  return bytes;
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
