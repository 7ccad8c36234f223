/**
 * GGUF: the header of a file of tensors as stable-diffusion.cpp, llama.cpp and ComfyUI-GGUF write it. No data is read.
 *
 * Layout (ggml/include/gguf.h): magic, u32 version, u64 number of tensors, u64 number of key-value pairs; the pairs;
 * of each tensor its name, dimensions (the fastest first), type and offset; padding; the data, each tensor padded to
 * the alignment. Held to the reference's own checks (ggml/src/gguf.cpp) and to limits against hostile headers.
 */

import type { ByteSource } from './byte-source.ts';
import { describeSignature, SIGNATURE_BYTES } from './file-signature.ts';
import { FormatError } from './format-error.ts';
import { type GgufType, ggufType } from './gguf-types.ts';
import { quoteName } from './quote-name.ts';
import { decodeUtf8 } from './text.ts';

/** Headers of diffusion models take some hundred kilobytes, those of language models with their vocabulary some MiB. */
const MAX_HEADER_BYTES = 64 * 2 ** 20;
const FIRST_READ = 2 ** 18;
const MAX_TENSORS = 200_000;
const MAX_DIMS = 4;
const MAX_NAME_BYTES = 256;
/** Longer arrays are vocabularies; nothing here wants them. */
const MAX_KEPT_ELEMENTS = 64;
const DEFAULT_ALIGNMENT = 32;
/** Largest alignment that is believed; writers use 32. */
const MAX_ALIGNMENT = 2 ** 20;

export type GgufValue = number | bigint | boolean | string | readonly GgufValue[];

export interface GgufTensor {
  readonly name: string;
  readonly type: GgufType;
  /** Row-major, the slowest axis first; the true shape where ComfyUI-GGUF stores another (`comfy.gguf.orig_shape`). */
  readonly shape: readonly number[];
  /** Bytes from the start of the file. */
  readonly offset: number;
  readonly byteLength: number;
}

export interface GgufHeader {
  readonly version: number;
  /** Long arrays are left out. */
  readonly metadata: ReadonlyMap<string, GgufValue>;
  readonly tensors: ReadonlyMap<string, GgufTensor>;
}

type GgufFault = 'unrecognised' | 'unsupported' | 'malformed' | 'truncated' | 'too-large' | 'bad-tensor';

/** More of the file is needed. */
class NeedsMore extends Error {}

/** Reads and validates a header. @throws FormatError */
export async function readGgufHeader(source: ByteSource): Promise<GgufHeader> {
  for (let length = FIRST_READ; ; length *= 4) {
    const whole = length >= source.size;
    const bytes = await source.read(0, Math.min(length, source.size));
    try {
      return new HeaderReader(source, bytes).read();
    } catch (error) {
      if (!(error instanceof NeedsMore)) throw error;
      if (whole) {
        const what = `the file ends within its header, after ${source.size} bytes; it is cut short, download it again`;
        throw new FormatError('gguf.truncated', what, { file: source.name });
      }
      if (length >= MAX_HEADER_BYTES) {
        const what = `a header of more than ${MAX_HEADER_BYTES} bytes; expected names and shapes, the file is damaged`;
        throw new FormatError('gguf.too-large', what, { file: source.name });
      }
    }
  }
}

/** Numbers by their type's code: bytes and how to read them. */
const numbers: Readonly<Record<number, readonly [bytes: number, read: (v: DataView, at: number) => number | bigint]>> =
  {
    0: [1, (v, at) => v.getUint8(at)],
    1: [1, (v, at) => v.getInt8(at)],
    2: [2, (v, at) => v.getUint16(at, true)],
    3: [2, (v, at) => v.getInt16(at, true)],
    4: [4, (v, at) => v.getUint32(at, true)],
    5: [4, (v, at) => v.getInt32(at, true)],
    6: [4, (v, at) => v.getFloat32(at, true)],
    10: [8, (v, at) => v.getBigUint64(at, true)],
    11: [8, (v, at) => v.getBigInt64(at, true)],
    12: [8, (v, at) => v.getFloat64(at, true)],
  };
const BOOL = 7;
const STRING = 8;
const ARRAY = 9;

/** A tensor as it is declared; `offset` from the start of the data. */
interface Declared {
  readonly name: string;
  readonly type: GgufType;
  readonly stored: readonly number[];
  readonly offset: number;
}

class HeaderReader {
  readonly #file: string;
  readonly #size: number;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(source: ByteSource, bytes: Uint8Array) {
    this.#file = source.name;
    this.#size = source.size;
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  read(): GgufHeader {
    const version = this.#start();
    const tensorCount = this.#count('tensors', MAX_TENSORS);
    // A pair takes 13 bytes at least, so that the header's own limit bounds them.
    const pairs = this.#count('key-value pairs', MAX_HEADER_BYTES / 13);
    const metadata = new Map<string, GgufValue>();
    const keys = new Set<string>();
    for (let i = 0; i < pairs; i++) {
      const key = this.#string('a key', 2 ** 16);
      if (key === '' || keys.has(key)) this.#refuse('malformed', `the key ${quoteName(key)} is empty or there twice`);
      keys.add(key);
      const value = this.#value(this.#u32(), key);
      if (value !== undefined) metadata.set(key, value);
    }
    const declared: Declared[] = [];
    for (let i = 0; i < tensorCount; i++) declared.push(this.#tensor());
    return { version, metadata, tensors: this.#placed(declared, metadata) };
  }

  #start(): number {
    const magic = this.#take(4);
    if (String.fromCharCode(...this.#bytes.subarray(magic, magic + 4)) !== 'GGUF') {
      const looks = describeSignature(this.#bytes.subarray(0, SIGNATURE_BYTES));
      this.#refuse('unrecognised', `not a GGUF file${looks ? `; it looks like ${looks}` : ''}`);
    }
    const version = this.#u32();
    if (version !== 0 && version % 65536 === 0) this.#refuse('unsupported', 'a GGUF file in big-endian order');
    if (version !== 2 && version !== 3) this.#refuse('unsupported', `version ${version} of GGUF, expected 2 or 3`);
    return version;
  }

  #tensor(): Declared {
    const name = this.#string('the name of a tensor', MAX_NAME_BYTES);
    const dims = this.#u32();
    if (dims > MAX_DIMS) this.#refuse('bad-tensor', `${quoteName(name)} has ${dims} dimensions, expected up to 4`);
    const stored: number[] = [];
    for (let i = 0; i < dims; i++) stored.unshift(this.#size64(`a dimension of ${quoteName(name)}`));
    const number = this.#u32();
    const type = ggufType(number);
    if (!type) this.#refuse('unsupported', `${quoteName(name)} is of the unknown type ${number}; the file is newer`);
    return { name, type: type, stored, offset: this.#size64(`the offset of ${quoteName(name)}`) };
  }

  #placed(declared: readonly Declared[], metadata: ReadonlyMap<string, GgufValue>): Map<string, GgufTensor> {
    const alignment = this.#alignment(metadata.get('general.alignment'));
    const padded = (n: number): number => Math.ceil(n / alignment) * alignment;
    const dataStart = padded(this.#at);
    const tensors = new Map<string, GgufTensor>();
    let end = 0;
    for (const { name, type, stored, offset } of declared) {
      if (tensors.has(name)) this.#refuse('bad-tensor', `the tensor ${quoteName(name)} is there twice`);
      const byteLength = this.#bytesOf(name, type, stored);
      if (offset !== end) {
        this.#refuse('bad-tensor', `${quoteName(name)} begins at ${offset}, expected ${end}, where the last one ended`);
      }
      const from = dataStart + offset;
      if (from + byteLength > this.#size) {
        const what = `${quoteName(name)} ends at byte ${from + byteLength}, but the file has ${this.#size}`;
        this.#refuse('truncated', `${what}; it is cut short, download it again`);
      }
      tensors.set(name, { name, type, shape: this.#trueShape(name, stored, metadata), offset: from, byteLength });
      end = padded(offset + byteLength);
    }
    return tensors;
  }

  #alignment(value: GgufValue | undefined): number {
    if (value === undefined) return DEFAULT_ALIGNMENT;
    const known =
      typeof value === 'number' && value > 0 && value <= MAX_ALIGNMENT && Number.isInteger(Math.log2(value));
    if (!known) this.#refuse('malformed', `an alignment of ${String(value)}, expected a power of two`);
    return value;
  }

  #bytesOf(name: string, { name: type, elements, bytes }: GgufType, stored: readonly number[]): number {
    let count = 1;
    for (const d of stored) count *= d;
    const row = stored.at(-1) ?? 1;
    if (row % elements !== 0) {
      this.#refuse(
        'bad-tensor',
        `${quoteName(name)} has rows of ${row}, expected a multiple of ${elements} for ${type}`,
      );
    }
    if (!Number.isSafeInteger(count) || !Number.isSafeInteger((count / elements) * bytes)) {
      this.#refuse('bad-tensor', `${quoteName(name)} has the absurd shape [${stored.join(', ')}]`);
    }
    return (count / elements) * bytes;
  }

  /** ComfyUI-GGUF stores what does not fit into blocks or four dimensions in another shape, and keeps the true one. */
  #trueShape(name: string, stored: readonly number[], metadata: ReadonlyMap<string, GgufValue>): readonly number[] {
    const original = metadata.get(`comfy.gguf.orig_shape.${name}`);
    if (original === undefined) return stored;
    const shape = Array.isArray(original) ? (original as GgufValue[]) : [];
    const product = (dims: readonly GgufValue[]): number => dims.reduce<number>((n, d) => n * Number(d), 1);
    const whole = shape.length > 0 && shape.every((d) => Number.isSafeInteger(Number(d)) && Number(d) >= 0);
    if (!whole || product(shape) !== product(stored)) {
      const what = `${quoteName(name)} is said to have the shape [${shape.join(', ')}]`;
      this.#refuse('bad-tensor', `${what}, which does not fit the stored [${stored.join(', ')}]`);
    }
    return shape.map(Number);
  }

  /** undefined for an array that is too long to be wanted. */
  #value(type: number, key: string): GgufValue | undefined {
    if (type !== ARRAY) return this.#scalar(type, key);
    const element = this.#u32();
    const count = this.#size64(`the array ${quoteName(key)}`);
    if (element === ARRAY) this.#refuse('malformed', `${quoteName(key)} is an array of arrays`);
    const width = element === BOOL ? 1 : numbers[element]?.[0];
    if (width !== undefined && count > MAX_KEPT_ELEMENTS) {
      this.#take(count * width);
      return undefined;
    }
    const values: GgufValue[] = [];
    for (let i = 0; i < count; i++) {
      const value = this.#scalar(element, key);
      if (values.length <= MAX_KEPT_ELEMENTS) values.push(value);
    }
    return count > MAX_KEPT_ELEMENTS ? undefined : values;
  }

  #scalar(type: number, key: string): GgufValue {
    if (type === STRING) return this.#string(`the value of ${quoteName(key)}`, MAX_HEADER_BYTES);
    if (type === BOOL) return this.#view.getUint8(this.#take(1)) !== 0;
    const row = numbers[type];
    if (!row) this.#refuse('malformed', `${quoteName(key)} has a value of the unknown type ${type}`);
    const [bytes, read] = row;
    return read(this.#view, this.#take(bytes));
  }

  #string(what: string, limit: number): string {
    const length = this.#size64(what);
    if (length > limit) this.#refuse('malformed', `${what} has ${length} bytes, expected at most ${limit}`);
    const at = this.#take(length);
    return (
      decodeUtf8(this.#bytes.subarray(at, at + length)) ?? this.#refuse('malformed', `${what} is not text in UTF-8`)
    );
  }

  #count(what: string, limit: number): number {
    const count = this.#size64(`the number of ${what}`);
    if (count > limit) this.#refuse('too-large', `${count} ${what}, expected at most ${Math.floor(limit)}`);
    return count;
  }

  #size64(what: string): number {
    const value = this.#view.getBigUint64(this.#take(8), true);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) this.#refuse('malformed', `${what} is ${value}; the file is damaged`);
    return Number(value);
  }

  #u32(): number {
    return this.#view.getUint32(this.#take(4), true);
  }

  /** The position of the next bytes, which are then behind. */
  #take(length: number): number {
    const at = this.#at;
    if (at + length > this.#bytes.length) throw new NeedsMore();
    this.#at = at + length;
    return at;
  }

  #refuse(kind: GgufFault, what: string): never {
    throw new FormatError(`gguf.${kind}`, what, { file: this.#file });
  }
}
