/** Tensors in device memory, and how their elements lie there. */

import type { DType } from '#core/dtype';
import { EngineError } from '#engine/errors';

/** Registers hold one of these; every float is computed in f32, whatever it is stored as. */
export type Scalar = 'f32' | 'i32' | 'u32' | 'bool';

/** Elements in memory. `f16` and `bf16` lie in pairs in 32-bit words; a device without `shader-f16` only reads them. */
export type Storage = 'f32' | 'f16' | 'bf16' | 'i32' | 'u32';

export interface Place {
  readonly id: number;
  readonly storage: Storage;
  readonly elements: number;
  /** A stored matrix of this many rows and columns whose elements are asked for in the order of its transpose. */
  readonly transposed?: readonly [rows: number, columns: number];
  /** What is written is rounded to f16 although it is stored wider, on devices that cannot store halves. */
  readonly rounded?: boolean;
}

/** The registers that values of a dtype live in. 64-bit integers are narrowed: WGSL has none. */
export function scalarType(dtype: DType): Scalar {
  switch (dtype) {
    case 'f32':
    case 'f16':
    case 'bf16':
      return 'f32';
    case 'bool':
      return 'bool';
    case 'u32':
    case 'u64':
      return 'u32';
    case 'f64':
      throw new EngineError('compile', 'webgpu', 'WGSL has no 64-bit floats; cast f64 to f32 in the graph');
    default:
      return 'i32';
  }
}

/** How results of a dtype are stored: wide, so that whatever was computed is kept. */
export function storageOf(dtype: DType): Storage {
  const scalar = scalarType(dtype);
  return scalar === 'bool' ? 'u32' : scalar;
}

const halves: ReadonlySet<Storage> = new Set(['f16', 'bf16']);

export function isHalf(storage: Storage): boolean {
  return halves.has(storage);
}

/** Bytes of a buffer for a place: never empty, and whole vectors. */
export function bytesOf({ storage, elements }: Pick<Place, 'storage' | 'elements'>): number {
  return Math.max(16, Math.ceil((elements * (isHalf(storage) ? 2 : 4)) / 16) * 16);
}
