/** Reads a stored tensor as float32. */

import { viewBytes } from '#core/dtype';
import { toF32 } from '#core/tensor';
import type { WeightRef } from '#engine/backend';
import { widened } from '#engine/packed';
import type { ModelFiles } from '../tensor-file.ts';
import { type Matrix, transposed } from './matrix.ts';

export async function readWeight(files: ModelFiles, ref: WeightRef): Promise<Matrix> {
  if (ref.kind === 'memory') return { shape: ref.tensor.shape, data: toF32(ref.tensor) };
  if (ref.kind === 'packed') return widened(ref);
  const source = await files.source(ref.path);
  const bytes = await source.read(ref.offset, ref.byteLength);
  // A copy where the bytes do not start where their type needs it.
  const aligned = bytes.byteOffset % 8 === 0 ? bytes : bytes.slice();
  const stored = { shape: ref.shape, data: toF32({ dtype: ref.dtype, data: viewBytes(ref.dtype, aligned) }) };
  return ref.transpose ? transposed(stored) : stored;
}
