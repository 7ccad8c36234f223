/** Numbers in and out of host arrays of any element type. */

import { allocate, type DType, type DTypeArrays, type TypedArray } from '#core/dtype';
import { InternalError } from '#core/errors';
import { bf16BitsToNumber, f16BitsToNumber, numberToBf16Bits, numberToF16Bits } from '#core/half';

/** The number that element `i` of an array of `dtype` stands for. */
export function readNumber(dtype: DType, data: TypedArray, i: number): number {
  const raw = Number(data[i]);
  return dtype === 'f16' ? f16BitsToNumber(raw) : dtype === 'bf16' ? bf16BitsToNumber(raw) : raw;
}

/** An array whose i-th element is `at(i)`, in the encoding of `dtype`. */
export function fillHost<D extends DType>(dtype: D, length: number, at: (i: number) => number): DTypeArrays[D] {
  const data = allocate<DType>(dtype, length);
  for (let i = 0; i < length; i++) {
    const value = at(i);
    if (data instanceof BigInt64Array || data instanceof BigUint64Array) data[i] = BigInt(value);
    else data[i] = dtype === 'f16' ? numberToF16Bits(value) : dtype === 'bf16' ? numberToBf16Bits(value) : value;
  }
  return data as DTypeArrays[D];
}

/** The most negative finite number: as an additive mask it hides without making a NaN of a fully hidden row. */
export function lowestFinite(dtype: DType): number {
  switch (dtype) {
    case 'f16':
      return -65504;
    case 'f32':
      return -3.4028234663852886e38;
    case 'bf16':
      return -3.3895313892515355e38;
    case 'f64':
      return -Number.MAX_VALUE;
    default:
      throw new InternalError(`a mask cannot have the dtype ${dtype}`);
  }
}
