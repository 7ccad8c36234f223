/** Tensors in host memory: a shape and a row-major typed array. Immutable by convention; nothing here computes. */

import { allocate, type DType, type DTypeArrays, type TypedArray } from './dtype.ts';
import { InternalError } from './errors.ts';
import { bf16ToF32Array, f16ToF32Array } from './half.ts';

export type Shape = readonly number[];

export interface HostTensor<D extends DType = DType> {
  readonly dtype: D;
  readonly shape: Shape;
  readonly data: DTypeArrays[D];
}

/** Number of elements of a shape; the empty shape is a scalar and has one. */
export function sizeOf(shape: Shape): number {
  let size = 1;
  for (const d of shape) size *= d;
  return size;
}

/** Builds a tensor; the array's length must match the shape. */
export function tensor<D extends DType>(dtype: D, shape: Shape, data: DTypeArrays[D]): HostTensor<D> {
  if (data.length !== sizeOf(shape)) {
    throw new InternalError(`tensor of shape [${shape}] needs ${sizeOf(shape)} elements, got ${data.length}`);
  }
  return { dtype, shape, data };
}

export function zeros<D extends DType>(dtype: D, shape: Shape): HostTensor<D> {
  return tensor(dtype, shape, allocate(dtype, sizeOf(shape)));
}

export function f32(shape: Shape, values: ArrayLike<number>): HostTensor<'f32'> {
  return tensor('f32', shape, values instanceof Float32Array ? values : Float32Array.from(values));
}

export function i64(shape: Shape, values: ArrayLike<number>): HostTensor<'i64'> {
  return tensor('i64', shape, BigInt64Array.from(Array.from(values, BigInt)));
}

/** Values as float32, widening halves and narrowing float64; float32 data is returned as it is, not copied. */
export function toF32(t: { dtype: DType; data: TypedArray }): Float32Array {
  switch (t.dtype) {
    case 'f32':
      return t.data as Float32Array;
    case 'f16':
      return f16ToF32Array(t.data as Uint16Array);
    case 'bf16':
      return bf16ToF32Array(t.data as Uint16Array);
    default:
      return Float32Array.from(t.data as ArrayLike<number | bigint>, Number);
  }
}

/** Row-major strides of a shape, in elements. */
export function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = stride;
    stride *= shape[i]!;
  }
  return strides;
}
