/**
 * Element types as model files name them (safetensors 0.8, `Dtype`), and which of them are a core dtype.
 * The order of the table is the order of the writer: increasing alignment.
 */

import { type DType, viewBytes } from '#core/dtype';
import type { HostTensor } from '#core/tensor';
import type { ByteSource } from './byte-source.ts';
import { atTensor, FormatError } from './format-error.ts';

/** `bits` an element; `core` where the element type is one that graphs and host tensors know. */
interface FileDTypeRow {
  readonly bits: number;
  readonly core?: DType;
}

const table = {
  BOOL: { bits: 8, core: 'bool' },
  F4: { bits: 4 },
  F6_E2M3: { bits: 6 },
  F6_E3M2: { bits: 6 },
  U8: { bits: 8, core: 'u8' },
  I8: { bits: 8, core: 'i8' },
  F8_E5M2: { bits: 8 },
  F8_E4M3: { bits: 8 },
  F8_E8M0: { bits: 8 },
  F8_E4M3FNUZ: { bits: 8 },
  F8_E5M2FNUZ: { bits: 8 },
  I16: { bits: 16, core: 'i16' },
  U16: { bits: 16, core: 'u16' },
  F16: { bits: 16, core: 'f16' },
  BF16: { bits: 16, core: 'bf16' },
  I32: { bits: 32, core: 'i32' },
  U32: { bits: 32, core: 'u32' },
  F32: { bits: 32, core: 'f32' },
  C64: { bits: 64 },
  F64: { bits: 64, core: 'f64' },
  I64: { bits: 64, core: 'i64' },
  U64: { bits: 64, core: 'u64' },
} as const satisfies Record<string, FileDTypeRow>;

export type FileDType = keyof typeof table;

/** Every name, in order of increasing alignment. */
export const fileDTypes = Object.keys(table) as FileDType[];

export function isFileDType(name: string): name is FileDType {
  return Object.hasOwn(table, name);
}

/** Bits of one element: 4 and 6 for the packed floats. */
export function bitsOf(dtype: FileDType): number {
  return table[dtype].bits;
}

/** The core dtype of a file dtype; undefined for 4-, 6- and 8-bit floats and complex numbers. */
export function coreDType(dtype: FileDType): DType | undefined {
  const row: FileDTypeRow = table[dtype];
  return row.core;
}

/** Position in the order of increasing alignment, for the writer's sort. */
export function alignmentRank(dtype: FileDType): number {
  return fileDTypes.indexOf(dtype);
}

/** A tensor of a file: row-major, little endian, in one byte range. */
export interface FileTensor {
  readonly name: string;
  readonly dtype: FileDType;
  readonly shape: readonly number[];
  /** Bytes from the start of the file. */
  readonly offset: number;
  readonly byteLength: number;
}

/** Wraps the little-endian bytes of a file tensor. Throws `tensor.unsupported-dtype` where there is no core dtype. */
export function hostTensor(entry: Pick<FileTensor, 'name' | 'dtype' | 'shape'>, bytes: Uint8Array): HostTensor {
  const dtype = coreDType(entry.dtype);
  if (dtype === undefined) {
    const what = `the element type ${entry.dtype} cannot be computed with; convert the file to F32, F16 or BF16`;
    throw new FormatError('tensor.unsupported-dtype', what, { place: atTensor(entry.name) });
  }
  return { dtype, shape: entry.shape, data: viewBytes(dtype, bytes) };
}

/** Reads one tensor of a file whose tensors are contiguous. */
export async function readFileTensor(source: ByteSource, entry: FileTensor): Promise<HostTensor> {
  return hostTensor(entry, await source.read(entry.offset, entry.byteLength));
}
