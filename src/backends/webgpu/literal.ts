/** Numbers as WGSL literals. */

import type { Scalar } from './place.ts';

/** Infinities and NaN have no literal; their bits go through a variable (`hidden`, zero) that no compiler folds. */
export function literal(value: number, type: Scalar): string {
  switch (type) {
    case 'bool':
      return value === 0 ? 'false' : 'true';
    case 'u32':
      return `${Math.trunc(value) >>> 0}u`;
    case 'i32':
      return integer(Math.trunc(value) | 0);
    case 'f32':
      return float(Math.fround(value));
  }
}

function integer(value: number): string {
  return value === -(2 ** 31) ? '(-2147483647i - 1i)' : value < 0 ? `(${value}i)` : `${value}i`;
}

function float(value: number): string {
  if (!Number.isFinite(value)) return `bitcast<f32>(${bitsOf(value)}u | hidden)`;
  const text = Number.isInteger(value) && Math.abs(value) < 1e15 ? `${value}.0` : `${value}`;
  return value < 0 || Object.is(value, -0) ? `(${Object.is(value, -0) ? '-0.0' : text})` : text;
}

function bitsOf(value: number): number {
  const view = new DataView(new ArrayBuffer(4));
  view.setFloat32(0, value);
  return view.getUint32(0);
}
