/**
 * Element types of tensors, in the graph, in files and on the host.
 *
 * JavaScript has no half-float array on Node 20: `f16` and `bf16` live in a Uint16Array of bit patterns (see half.ts),
 * `bool` in a Uint8Array of 0 and 1.
 */

export interface DTypeArrays {
  f64: Float64Array;
  f32: Float32Array;
  f16: Uint16Array;
  bf16: Uint16Array;
  i64: BigInt64Array;
  i32: Int32Array;
  i16: Int16Array;
  i8: Int8Array;
  u64: BigUint64Array;
  u32: Uint32Array;
  u16: Uint16Array;
  u8: Uint8Array;
  bool: Uint8Array;
}

export type DType = keyof DTypeArrays;

export type TypedArray = DTypeArrays[DType];

const arrayConstructors = {
  f64: Float64Array,
  f32: Float32Array,
  f16: Uint16Array,
  bf16: Uint16Array,
  i64: BigInt64Array,
  i32: Int32Array,
  i16: Int16Array,
  i8: Int8Array,
  u64: BigUint64Array,
  u32: Uint32Array,
  u16: Uint16Array,
  u8: Uint8Array,
  bool: Uint8Array,
} as const satisfies Record<DType, unknown>;

/** Size of one element in bytes. */
export function byteSize(dtype: DType): number {
  return arrayConstructors[dtype].BYTES_PER_ELEMENT;
}

/** A zeroed array of `length` elements of `dtype`. */
export function allocate<D extends DType>(dtype: D, length: number): DTypeArrays[D] {
  return new arrayConstructors[dtype](length) as DTypeArrays[D];
}

/** Views `bytes` as elements of `dtype`; copies only when the bytes are not aligned for it. */
export function viewBytes<D extends DType>(dtype: D, bytes: Uint8Array): DTypeArrays[D] {
  const size = byteSize(dtype);
  const aligned = bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes);
  return new arrayConstructors[dtype](
    aligned.buffer as ArrayBuffer,
    aligned.byteOffset,
    Math.floor(aligned.byteLength / size),
  ) as DTypeArrays[D];
}

export const floatTypes = ['f32', 'f16', 'bf16', 'f64'] as const satisfies readonly DType[];

/** Also of the name of a type that only files have. */
export function isFloat(dtype: string): boolean {
  return (floatTypes as readonly string[]).includes(dtype);
}
