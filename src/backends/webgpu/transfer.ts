/** Host tensors to the words that a device holds, and back. */

import { allocate, type DType, type TypedArray } from '#core/dtype';
import { f32ToBf16Array, f32ToF16Array } from '#core/half';
import { type HostTensor, type Shape, tensor, toF32 } from '#core/tensor';
import { EngineError } from '#engine/errors';
import { scalarType } from './place.ts';

const [LEAST, MOST] = [-(2 ** 31), 2 ** 31 - 1];

/** Elements as 32-bit words in the registers' own type. Throws an EngineError for an integer that needs 64 bits. */
export function toWords({ dtype, data }: Pick<HostTensor, 'dtype' | 'data'>): Float32Array | Int32Array | Uint32Array {
  switch (scalarType(dtype)) {
    case 'f32':
      return toF32({ dtype, data });
    case 'u32':
    case 'bool':
      return data instanceof Uint32Array ? data : Uint32Array.from(data as ArrayLike<number | bigint>, Number);
    case 'i32':
      return data instanceof Int32Array ? data : Int32Array.from(data as ArrayLike<number | bigint>, narrow);
  }
}

function narrow(value: number | bigint): number {
  const n = Number(value);
  if (n < LEAST || n > MOST) {
    throw new EngineError('feed', 'webgpu', `the integer ${value} needs 64 bits; WebGPU computes with 32`);
  }
  return n;
}

/** A host tensor of copied words; into `target`'s array where one is given. */
export function fromWords(dtype: DType, shape: Shape, words: ArrayBuffer, target?: HostTensor): HostTensor {
  const values = decode(dtype, words);
  if (!target) return tensor(dtype, shape, values as never);
  (target.data as Float32Array).set(values as Float32Array);
  return target;
}

function decode(dtype: DType, words: ArrayBuffer): TypedArray {
  switch (dtype) {
    case 'f32':
      return new Float32Array(words);
    case 'f16':
      return f32ToF16Array(new Float32Array(words));
    case 'bf16':
      return f32ToBf16Array(new Float32Array(words));
    case 'i32':
      return new Int32Array(words);
    case 'u32':
      return new Uint32Array(words);
    case 'i64':
      return BigInt64Array.from(new Int32Array(words), BigInt);
    case 'u64':
      return BigUint64Array.from(new Uint32Array(words), BigInt);
    default: {
      const out = allocate(dtype, words.byteLength / 4);
      (out as Uint8Array).set(new Int32Array(words));
      return out;
    }
  }
}
