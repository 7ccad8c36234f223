/**
 * Writes safetensors files laid out as the reference implementation writes them (safetensors 0.8, `prepare` in
 * safetensors/src/tensor.rs): tensors by decreasing alignment of their dtype and then by name, the header padded with
 * spaces to a multiple of 8 bytes. Large files are streamed: the header is planned from shapes alone.
 */

import { sizeOf } from '#core/tensor';
import { alignmentRank, bitsOf, type FileDType, type FileTensor } from './file-dtype.ts';
import { MAX_HEADER_BYTES } from './safetensors.ts';
import { safetensorsError } from './safetensors-error.ts';
import { encodeUtf8 } from './text.ts';

export interface TensorSpec {
  readonly name: string;
  readonly dtype: FileDType;
  readonly shape: readonly number[];
}

export interface SafetensorsPlan<T extends TensorSpec = TensorSpec> {
  /** The length field and the JSON: everything before the data. */
  readonly header: Uint8Array;
  /** The tensors in the order in which their bytes follow the header, without gaps. */
  readonly order: readonly (T & FileTensor)[];
  /** Bytes of the whole file. */
  readonly size: number;
}

const METADATA_KEY = '__metadata__';
/** Stands for the file's name in messages: a plan has none yet. */
const FILE = 'safetensors file to write';

/** Lays out a file. Throws FormatError for a name that is taken or not text, or a shape that is no shape. */
export function planSafetensors<T extends TensorSpec>(
  tensors: Iterable<T>,
  metadata?: Readonly<Record<string, string>>,
): SafetensorsPlan<T> {
  const sorted = [...tensors].sort(
    (a, b) => alignmentRank(b.dtype) - alignmentRank(a.dtype) || compareCodePoints(a.name, b.name),
  );
  const fields: string[] = [];
  if (metadata !== undefined) {
    for (const text of Object.entries(metadata).flat()) checkText(METADATA_KEY, text);
    fields.push(`"${METADATA_KEY}":${JSON.stringify(metadata)}`);
  }
  const order: (T & FileTensor)[] = [];
  const names = new Set([METADATA_KEY]);
  let end = 0;
  for (const tensor of sorted) {
    const { name, dtype, shape } = tensor;
    if (names.has(name)) refuse(name, 'a name that is taken', 'each name once and none "__metadata__"');
    checkText(name, name);
    names.add(name);
    const byteLength = byteLengthOf(tensor);
    fields.push(`${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: [end, end + byteLength] })}`);
    order.push({ ...tensor, offset: end, byteLength });
    end += byteLength;
  }
  const header = encodeHeader(`{${fields.join(',')}}`);
  return {
    header,
    order: order.map((tensor) => ({ ...tensor, offset: tensor.offset + header.length })),
    size: header.length + end,
  };
}

/**
 * The whole file as consecutive chunks: the header, then the tensors' own bytes (row-major, little endian).
 * @internal For tests and benchmarks.
 */
export function writeSafetensors(
  tensors: Iterable<TensorSpec & { readonly data: Uint8Array }>,
  metadata?: Readonly<Record<string, string>>,
): Uint8Array[] {
  const { header, order } = planSafetensors(tensors, metadata);
  const chunks = order.map(({ name, data, byteLength }) => {
    if (data.length !== byteLength) refuse(name, `${data.length} bytes`, `${byteLength} for its dtype and shape`);
    return data;
  });
  return [header, ...chunks];
}

/** JSON readers refuse half a surrogate pair, and UTF-8 cannot hold it. */
function checkText(name: string, text: string): void {
  if (/\p{Surrogate}/u.test(text)) refuse(name, 'text with a lone surrogate', 'text that has a UTF-8 form');
}

function byteLengthOf({ name, dtype, shape }: TensorSpec): number {
  const size = sizeOf(shape);
  const whole = shape.every((d) => Number.isSafeInteger(d) && d >= 0) && Number.isSafeInteger(size * bitsOf(dtype));
  if (!whole || (size * bitsOf(dtype)) % 8 !== 0) {
    refuse(name, `${dtype} of shape [${shape}]`, 'sizes of 0 and above that make a whole number of bytes');
  }
  return (size * bitsOf(dtype)) / 8;
}

function encodeHeader(json: string): Uint8Array {
  const text = encodeUtf8(json);
  const length = Math.ceil(text.length / 8) * 8;
  if (length > MAX_HEADER_BYTES) {
    throw safetensorsError('header-too-large', {
      file: FILE,
      got: `a header of ${length} bytes`,
      expected: `at most ${MAX_HEADER_BYTES}`,
    });
  }
  const header = new Uint8Array(8 + length).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(length), true);
  header.set(text, 8);
  return header;
}

/** Rust compares strings by UTF-8 bytes, which is the order of code points, not of UTF-16 units. */
function compareCodePoints(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  let i = 0;
  while (i < length && a.charCodeAt(i) === b.charCodeAt(i)) i++;
  if (i === length) return a.length - b.length;
  return utf8Rank(a.charCodeAt(i)) - utf8Rank(b.charCodeAt(i));
}

/** Surrogates stand for code points above every other unit. */
function utf8Rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}

function refuse(tensor: string, got: string, expected: string): never {
  throw safetensorsError('invalid-tensor', { file: FILE, tensor, got, expected });
}
