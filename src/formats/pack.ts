/** Float32 values into the forms that model files store: halves, 8-bit floats, blocks of Q8_0. packing.ts reads them. */

import { f32ToBf16Array, f32ToF16Array, numberToF16Bits } from '#core/half';
import type { FileDType } from './file-dtype.ts';
import { float8Values } from './packing.ts';

/** What values can be written as. */
export type WrittenForm = Extract<FileDType, 'F32' | 'F16' | 'BF16' | 'F8_E4M3'> | 'Q8_0';

const blockSize = 32;
const blockBytes = 34;

/** Bytes of so many values; those of Q8_0 must fill its blocks. */
export function bytesOfForm(form: WrittenForm, count: number): number {
  if (form === 'Q8_0') return (count / blockSize) * blockBytes;
  return count * { F32: 4, F16: 2, BF16: 2, F8_E4M3: 1 }[form];
}

export function packValues(form: WrittenForm, values: Float32Array): Uint8Array {
  switch (form) {
    case 'F32':
      return bytesOf(values);
    case 'F16':
      return bytesOf(f32ToF16Array(values));
    case 'BF16':
      return bytesOf(f32ToBf16Array(values));
    case 'F8_E4M3':
      return packFloat8(values);
    case 'Q8_0':
      return packQ8_0(values);
  }
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
}

/** ggml's `quantize_row_q8_0_ref`: the scale is the largest magnitude over 127, codes are rounded half away from 0. */
function packQ8_0(values: Float32Array): Uint8Array {
  const out = new Uint8Array(bytesOfForm('Q8_0', values.length));
  for (let block = 0, at = 0; at < values.length; block++, at += blockSize) {
    let largest = 0;
    for (let i = 0; i < blockSize; i++) largest = Math.max(largest, Math.abs(values[at + i]!));
    const scale = Math.fround(largest / 127);
    const inverse = scale === 0 ? 0 : Math.fround(1 / scale);
    const bits = numberToF16Bits(scale);
    const to = block * blockBytes;
    out[to] = bits & 255;
    out[to + 1] = bits >> 8;
    for (let i = 0; i < blockSize; i++) {
      const code = Math.fround(values[at + i]! * inverse);
      out[to + 2 + i] = Math.sign(code) * Math.round(Math.abs(code));
    }
  }
  return out;
}

/** To the nearest, ties to even; what is larger than the largest number becomes that. */
function packFloat8(values: Float32Array): Uint8Array {
  const positive = float8Values('F8_E4M3').subarray(0, 127);
  const out = new Uint8Array(values.length);
  for (let i = 0; i < values.length; i++) out[i] = nearestFloat8(values[i]!, positive);
  return out;
}

/** `positive`: the numbers of codes 0 to 126, which rise. */
function nearestFloat8(value: number, positive: Float32Array): number {
  if (Number.isNaN(value)) return 127;
  const sign = value < 0 || Object.is(value, -0) ? 128 : 0;
  const magnitude = Math.abs(value);
  let low = 0;
  let high = positive.length - 1;
  if (magnitude >= positive[high]!) return sign | high;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (positive[middle]! <= magnitude) low = middle;
    else high = middle;
  }
  const [below, above] = [magnitude - positive[low]!, positive[high]! - magnitude];
  const isUpper = above < below || (above === below && high % 2 === 0);
  return sign | (isUpper ? high : low);
}
