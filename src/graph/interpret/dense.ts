/** Tensors of the interpreter: every element type is held as float64, row-major. */

import { allocate, type DType, isFloat } from '#core/dtype';
import { numberToBf16Bits, numberToF16Bits } from '#core/half';
import { type HostTensor, type Shape, sizeOf, stridesOf, tensor } from '#core/tensor';
import type { Dim } from '../dim.ts';
import { fillHost, readNumber } from '../host.ts';
import type { Op } from '../ops.ts';
import type { Value } from '../value.ts';

export interface Dense {
  readonly shape: Shape;
  readonly data: Float64Array;
}

/** What a rule may ask about the run. */
export interface Frame {
  /** Shape of the result, symbols bound. */
  readonly shape: Shape;
  dim(d: Dim): number;
}

/** Computes the elements of one value from its operands. */
export type InterpretRule<O extends Op> = (v: Value<O>, inputs: readonly Dense[], frame: Frame) => Float64Array;
export type InterpretRules<O extends Op = Op> = { readonly [P in O]: InterpretRule<P> };

export function fromHost(t: HostTensor): Dense {
  const data = new Float64Array(t.data.length);
  for (let i = 0; i < data.length; i++) data[i] = readNumber(t.dtype, t.data, i);
  return { shape: t.shape, data };
}

export function toHost(x: Dense, dtype: DType): HostTensor {
  return tensor(
    dtype,
    x.shape,
    fillHost(dtype, x.data.length, (i) => x.data[i]!),
  );
}

/** Rounds in place to the values that `dtype` can hold; integers wrap. */
export function roundTo(dtype: DType, data: Float64Array): void {
  if (dtype === 'f64' || dtype === 'bool') return;
  const cell = allocate(dtype, 1);
  for (let i = 0; i < data.length; i++) {
    const value = data[i]!;
    if (dtype === 'f16') cell[0] = numberToF16Bits(value);
    else if (dtype === 'bf16') cell[0] = numberToBf16Bits(value);
    else if (cell instanceof BigInt64Array || cell instanceof BigUint64Array) cell[0] = BigInt(Math.trunc(value));
    else cell[0] = value;
    data[i] = isFloat(dtype) ? readNumber(dtype, cell, 0) : Number(cell[0]);
  }
}

/** Offsets of all elements of a view with the given strides, in row-major order of `shape`. */
export function offsetsOf(shape: Shape, strides: readonly number[], base = 0): Int32Array {
  const out = new Int32Array(sizeOf(shape));
  if (out.length === 0) return out;
  const index = new Array<number>(shape.length).fill(0);
  let offset = base;
  for (let i = 0; i < out.length; i++) {
    out[i] = offset;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis]!++;
      offset += strides[axis]!;
      if (index[axis]! < shape[axis]!) break;
      offset -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
  return out;
}

/** Strides that read `from` as if it had the shape `to`: zero along broadcast axes. */
export function broadcastStrides(from: Shape, to: Shape): number[] {
  const own = stridesOf(from);
  const lead = to.length - from.length;
  return to.map((_, i) => (i < lead || from[i - lead] === 1 ? 0 : own[i - lead]!));
}

/** Elements of `x` broadcast to `shape`. */
export function broadcastData(x: Dense, shape: Shape): Float64Array {
  if (x.data.length === sizeOf(shape)) return x.data;
  return pick(x.data, offsetsOf(shape, broadcastStrides(x.shape, shape)));
}

export function pick(data: Float64Array, offsets: Int32Array): Float64Array {
  const out = new Float64Array(offsets.length);
  for (let i = 0; i < out.length; i++) out[i] = data[offsets[i]!]!;
  return out;
}

/** Sizes of the axes before, at and after `axis`. */
export function around(shape: Shape, axis: number): { outer: number; size: number; inner: number } {
  return { outer: sizeOf(shape.slice(0, axis)), size: shape[axis]!, inner: sizeOf(shape.slice(axis + 1)) };
}
