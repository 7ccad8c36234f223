/** Host tensors to and from onnxruntime-node's tensors, sharing memory. */

import type * as Ort from 'onnxruntime-node';
import { allocate, type DType, viewBytes } from '#core/dtype';
import type { HostTensor } from '#core/tensor';

const ortTypes: Partial<Record<DType, Ort.Tensor.Type>> = {
  f64: 'float64',
  f32: 'float32',
  f16: 'float16',
  i64: 'int64',
  i32: 'int32',
  i16: 'int16',
  i8: 'int8',
  u64: 'uint64',
  u32: 'uint32',
  u16: 'uint16',
  u8: 'uint8',
  bool: 'bool',
};

/** Whether tensors of this dtype can be fed and fetched (bf16 can only live inside a graph or a weight file). */
export function isFeedable(dtype: DType): boolean {
  return ortTypes[dtype] !== undefined;
}

/** A runtime tensor over the same memory. */
export function toOrt(ort: typeof Ort, t: HostTensor): Ort.Tensor {
  return new ort.Tensor(ortTypes[t.dtype]!, t.data as Float32Array, t.shape);
}

/** A host tensor over the runtime tensor's memory. Newer engines give halves as a Float16Array: the same bits. */
export function fromOrt(t: Ort.Tensor, dtype: DType): HostTensor {
  const data = t.data as Exclude<Ort.Tensor['data'], string[]>;
  const plain = data.constructor === allocate(dtype, 0).constructor;
  const bytes = new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
  return { dtype, shape: t.dims, data: plain ? data : viewBytes(dtype, bytes) };
}

/** The dtype of a runtime's tensor type; undefined for those that no host tensor has. */
export function dtypeOf(type: string): DType | undefined {
  return (Object.keys(ortTypes) as DType[]).find((dtype) => ortTypes[dtype] === type);
}
