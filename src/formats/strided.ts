/** Copies strided views of bytes into row-major order. */

import { sizeOf, stridesOf } from '#core/tensor';

/** Whether a view with these strides (in elements) is row-major without gaps. */
export function isContiguous(shape: readonly number[], strides: readonly number[]): boolean {
  if (shape.includes(0)) return true;
  const dense = stridesOf(shape);
  return shape.every((d, i) => d === 1 || strides[i] === dense[i]);
}

/**
 * The elements of a view in row-major order. `width` is the bytes of an element (1, 2, 4 or 8); `offset` and `strides`
 * count elements, and the view lies within `bytes`.
 */
export function gatherStrided(
  bytes: Uint8Array,
  width: number,
  offset: number,
  shape: readonly number[],
  strides: readonly number[],
): Uint8Array {
  const start = offset * width;
  const size = sizeOf(shape);
  if (isContiguous(shape, strides)) return bytes.subarray(start, start + size * width);
  const steps = strides.map((s) => s * width);
  const out = new Uint8Array(size * width);
  const index = new Array<number>(shape.length).fill(0);
  let from = start;
  for (let to = 0; to < out.length; to += width) {
    for (let b = 0; b < width; b++) out[to + b] = bytes[from + b]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += steps[axis]!;
      index[axis]!++;
      if (index[axis]! < shape[axis]!) break;
      from -= steps[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
  return out;
}
