/**
 * safetensors: the header of a file, validated by the rules of the reference implementation (safetensors 0.8,
 * safetensors/src/tensor.rs), without reading its data.
 *
 * Layout: u64 little-endian header length N, N bytes of JSON, then one buffer that the tensors cover without holes or
 * overlaps. Stricter than the reference in two points: a tensor named twice is refused even when both entries agree,
 * and there is a limit on the number of tensors. The writer is in safetensors-writer.ts.
 */

import type { ByteSource } from './byte-source.ts';
import { bitsOf, type FileDType, type FileTensor, fileDTypes, isFileDType } from './file-dtype.ts';
import { describeSignature, SIGNATURE_BYTES } from './file-signature.ts';
import { FormatError } from './format-error.ts';
import { quoteName } from './quote-name.ts';
import { type SafetensorsErrorKind, safetensorsError } from './safetensors-error.ts';
import { type JsonValue, parseStrictJson } from './strict-json.ts';
import { decodeUtf8 } from './text.ts';

export const MAX_HEADER_BYTES = 100_000_000;
const MAX_TENSORS = 200_000;
/** The reference computes with 64-bit unsigned integers. */
const MAX_U64 = 2n ** 64n - 1n;
const METADATA_KEY = '__metadata__';

export interface SafetensorsHeader {
  /** `__metadata__`; an object without a prototype, so that any key is only a key. */
  readonly metadata: Readonly<Record<string, string>>;
  /**
   * By name, in order of their offsets. A size above 2^53 (legal only beside a size 0) is rounded to a double.
   */
  readonly tensors: ReadonlyMap<string, FileTensor>;
  /** Where the data buffer begins, in bytes from the start of the file. */
  readonly dataStart: number;
}

/** An entry as the header states it, before its numbers are known to be consistent. */
interface Declared {
  readonly name: string;
  readonly dtype: FileDType;
  readonly shape: readonly bigint[];
  readonly begin: bigint;
  readonly end: bigint;
}

/** Reads and validates a header; reads no tensor data. Throws FormatError. */
export async function readSafetensorsHeader(source: ByteSource): Promise<SafetensorsHeader> {
  const length = await readHeaderLength(source);
  const text = decodeUtf8(await source.read(8, length));
  if (text === undefined) {
    const got = 'bytes that are not UTF-8';
    throw safetensorsError('invalid-header', { file: source.name, got, expected: 'a header in UTF-8' });
  }
  const { metadata, declared } = new HeaderReader(source.name).read(text);
  const dataStart = 8 + length;
  return { metadata, tensors: validate(source, declared, dataStart), dataStart };
}

async function readHeaderLength(source: ByteSource): Promise<number> {
  const file = source.name;
  if (source.size < 8) {
    throw safetensorsError('header-too-small', {
      file,
      got: `a file of ${source.size} bytes`,
      expected: 'at least 8 bytes (the length of the header)',
      advice: 'the file is cut short; download it again',
    });
  }
  const start = await source.read(0, Math.min(source.size, SIGNATURE_BYTES));
  const length = new DataView(start.buffer, start.byteOffset, 8).getBigUint64(0, true);
  const looks = describeSignature(start);
  const hint = looks === undefined || looks.includes('safetensors') ? undefined : `the file looks like ${looks}`;
  if (length > BigInt(MAX_HEADER_BYTES)) {
    throw safetensorsError('header-too-large', {
      file,
      got: `a header length of ${length} bytes`,
      expected: `at most ${MAX_HEADER_BYTES}`,
      advice: hint ?? 'this is probably not a safetensors file',
    });
  }
  if (8n + length > BigInt(source.size)) {
    throw safetensorsError('invalid-header-length', {
      file,
      got: `a header length of ${length} bytes in a file of ${source.size} bytes`,
      expected: `at most ${source.size - 8}`,
      advice: hint ?? 'the file is cut short (a partial download?)',
    });
  }
  return Number(length);
}

/** JSON text to declarations: the shape of the header, not yet its arithmetic. */
class HeaderReader {
  readonly #file: string;

  constructor(file: string) {
    this.#file = file;
  }

  read(text: string): { metadata: Record<string, string>; declared: Declared[] } {
    const root = this.#parse(text);
    if (root.kind !== 'object') throw this.#schema(describe(root), 'a JSON object of tensors');
    if (root.entries.length > MAX_TENSORS) {
      throw this.#error('too-many-tensors', `${root.entries.length} entries`, `at most ${MAX_TENSORS}`);
    }
    let metadata: Record<string, string> | undefined;
    const byName = new Map<string, Declared>();
    for (const [key, value] of root.entries) {
      if (key === METADATA_KEY) {
        if (metadata) throw this.#duplicate(key);
        metadata = this.#metadata(value);
        continue;
      }
      if (byName.has(key)) throw this.#duplicate(key);
      byName.set(key, this.#entry(key, value));
    }
    return { metadata: metadata ?? Object.create(null), declared: [...byName.values()] };
  }

  #parse(text: string): JsonValue {
    try {
      return parseStrictJson(text);
    } catch (cause) {
      if (!(cause instanceof FormatError)) throw cause;
      throw this.#schema(`a header that is not valid JSON (${cause.message})`, 'a JSON object of tensors');
    }
  }

  #metadata(value: JsonValue): Record<string, string> {
    const metadata: Record<string, string> = Object.create(null);
    if (value.kind === 'null') return metadata;
    if (value.kind !== 'object') throw this.#schema(`${METADATA_KEY}: ${describe(value)}`, 'an object of strings');
    for (const [key, entry] of value.entries) {
      if (entry.kind !== 'string') {
        throw this.#schema(`${METADATA_KEY}[${quoteName(key)}]: ${describe(entry)}`, 'a string');
      }
      metadata[key] = entry.value;
    }
    return metadata;
  }

  #entry(name: string, value: JsonValue): Declared {
    if (value.kind !== 'object') throw this.#schema(describe(value), 'an object', name);
    const fields = new Map<string, JsonValue>();
    for (const [key, field] of value.entries) {
      const known = key === 'dtype' || key === 'shape' || key === 'data_offsets';
      if (known && fields.has(key)) throw this.#duplicate(key, name);
      if (known) fields.set(key, field);
    }
    const dtype = this.#dtype(name, this.#field(name, fields, 'dtype'));
    const shape = this.#integers(name, 'shape', this.#field(name, fields, 'shape'));
    const offsets = this.#integers(name, 'data_offsets', this.#field(name, fields, 'data_offsets'));
    if (offsets.length !== 2) throw this.#schema(`${offsets.length} data_offsets`, '2 (begin and end)', name);
    return { name, dtype, shape, begin: offsets[0]!, end: offsets[1]! };
  }

  #field(name: string, fields: ReadonlyMap<string, JsonValue>, key: string): JsonValue {
    const value = fields.get(key);
    if (value === undefined) throw this.#schema(`no ${key}`, 'dtype, shape and data_offsets', name);
    return value;
  }

  #dtype(name: string, value: JsonValue): FileDType {
    if (value.kind === 'string' && isFileDType(value.value)) return value.value;
    const got = value.kind === 'string' ? quoteName(value.value) : describe(value);
    throw this.#schema(`dtype ${got}`, `one of ${fileDTypes.join(', ')}`, name);
  }

  #integers(name: string, key: string, value: JsonValue): bigint[] {
    if (value.kind !== 'array') throw this.#schema(`${key}: ${describe(value)}`, 'a list of integers', name);
    return value.items.map((item) => {
      // The digits are counted before they are parsed: the cost of BigInt grows with the square of the length.
      const plain = item.kind === 'number' && /^[0-9]{1,20}$/.test(item.text) ? BigInt(item.text) : undefined;
      if (plain === undefined || plain > MAX_U64) {
        throw this.#schema(`${key} with ${describe(item)}`, 'integers from 0 to 2^64 - 1, without fraction', name);
      }
      return plain;
    });
  }

  #schema(got: string, expected: string, tensor?: string): FormatError {
    return this.#error('invalid-header-deserialization', got, expected, tensor);
  }

  #duplicate(key: string, tensor?: string): FormatError {
    return this.#error('duplicate-key', `the key ${quoteName(key)} twice`, 'each key once', tensor);
  }

  #error(kind: SafetensorsErrorKind, got: string, expected: string, tensor?: string): FormatError {
    return safetensorsError(kind, { file: this.#file, got, expected, tensor });
  }
}

function describe(value: JsonValue): string {
  switch (value.kind) {
    case 'number':
      return `the number ${value.text.length > 40 ? `${value.text.slice(0, 40)}...` : value.text}`;
    case 'string':
      return `the text ${quoteName(value.value)}`;
    case 'boolean':
      return String(value.value);
    case 'null':
      return 'null';
    case 'array':
      return 'a list';
    case 'object':
      return 'an object';
  }
}

/** Checks that the tensors cover the data buffer exactly, each with as many bytes as its shape and dtype need. */
function validate(source: ByteSource, declared: readonly Declared[], dataStart: number): Map<string, FileTensor> {
  const file = source.name;
  const compare = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0);
  const ordered = [...declared].sort((a, b) => compare(a.begin, b.begin) || compare(a.end, b.end));
  const tensors = new Map<string, FileTensor>();
  let start = 0n;
  for (const { name, dtype, shape, begin, end } of ordered) {
    if (begin !== start || end < begin) {
      const why = end < begin ? 'an end not before the begin' : begin > start ? 'no unused bytes' : 'no overlap';
      const expected = `data_offsets [${start}, ...] (${why})`;
      throw safetensorsError('invalid-offset', { file, tensor: name, got: `[${begin}, ${end}]`, expected });
    }
    start = end;
    const byteLength = checkedByteLength(file, name, dtype, shape);
    if (end - begin !== byteLength) {
      throw safetensorsError('tensor-invalid-info', {
        file,
        tensor: name,
        got: `data_offsets [${begin}, ${end}] (${end - begin} bytes)`,
        expected: `${byteLength} bytes for ${dtype} of shape [${shape.join(', ')}]`,
      });
    }
    const offset = dataStart + Number(begin);
    tensors.set(name, { name, dtype, shape: shape.map(Number), offset, byteLength: Number(byteLength) });
  }
  const got = BigInt(source.size - dataStart);
  if (start !== got) {
    throw safetensorsError('metadata-incomplete-buffer', {
      file,
      got: `${got} bytes of data`,
      expected: `${start}`,
      advice: got < start ? 'the file is cut short; download it again' : 'there are unknown bytes after the data',
    });
  }
  return tensors;
}

/** Bytes of a tensor, with the reference's overflow rules: 64-bit products from the left, in bits. */
function checkedByteLength(file: string, tensor: string, dtype: FileDType, shape: readonly bigint[]): bigint {
  const fail = (kind: SafetensorsErrorKind, expected: string): never => {
    throw safetensorsError(kind, { file, tensor, got: `${dtype} of shape [${shape.join(', ')}]`, expected });
  };
  let size = 1n;
  for (const dim of [...shape, BigInt(bitsOf(dtype))]) {
    size *= dim;
    if (size > MAX_U64) fail('validation-overflow', 'a size in bits below 2^64');
  }
  if (size % 8n !== 0n) fail('misaligned-slice', 'a whole number of bytes');
  return size / 8n;
}
