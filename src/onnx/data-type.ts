/** ONNX TensorProto.DataType codes (onnx/onnx.proto3). */

import type { DType } from '#core/dtype';

const codes = {
  f32: 1,
  u8: 2,
  i8: 3,
  u16: 4,
  i16: 5,
  i32: 6,
  i64: 7,
  bool: 9,
  f16: 10,
  f64: 11,
  u32: 12,
  u64: 13,
  bf16: 16,
} as const satisfies Record<DType, number>;

export function onnxDataType(dtype: DType): number {
  return codes[dtype];
}
