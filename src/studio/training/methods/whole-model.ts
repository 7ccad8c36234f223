/**
 * A whole model whose weights were trained: every tensor of the file that it came from, under its name and in its type,
 * with the values that learnt.
 */

import { UserError } from '#core/errors';
import { f32ToF16Array } from '#core/half';
import { toF32 } from '#core/tensor';
import { readSafetensorsHeader } from '#formats/safetensors';
import { planSafetensors } from '#formats/safetensors-writer';
import type { Weights } from '#training/loop';
import { nodeModelFiles } from '../../files/model-files.ts';
import { writeWhole } from '../write-whole.ts';
import type { BaseModel } from './base-model.ts';

/** @throws UserError for a model that is no single safetensors file */
export async function writeModel(
  file: string,
  model: BaseModel,
  weights: Weights,
  metadata: Readonly<Record<string, string>>,
): Promise<void> {
  checkForm(model);
  const source = await nodeModelFiles.source(model.path);
  const header = await readSafetensorsHeader(source);
  const patches = patchesOf(model, weights);
  const specs = [...header.tensors].map(([name, { dtype, shape }]) => ({ name, dtype, shape: [...shape] }));
  const plan = planSafetensors(specs, { ...header.metadata, ...metadata });
  const chunks: Uint8Array[] = [plan.header];
  for (const { name } of plan.order) {
    const entry = header.tensors.get(name)!;
    const bytes = (await source.read(entry.offset, entry.byteLength)).slice();
    for (const patch of patches) {
      const at = patch.offset - entry.offset;
      if (at >= 0 && at < entry.byteLength) bytes.set(patch.bytes, at);
    }
    chunks.push(bytes);
  }
  await writeWhole(file, chunks);
}

/** Before anything is trained. */
export function checkForm({ path, layout }: BaseModel): void {
  if (layout === 'single-file' && path.endsWith('.safetensors')) return;
  const message = `${path} is no single .safetensors file, in whose form the result would be written; darkroom convert makes one`;
  throw new UserError('training.form', message);
}

interface Patch {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

function patchesOf(model: BaseModel, weights: Weights): Patch[] {
  return [...weights].map(([name, tensor]) => {
    const ref = model.weights.get(name);
    if (ref?.kind !== 'file' || (ref.dtype !== 'f16' && ref.dtype !== 'f32')) {
      const got = ref?.kind === 'file' ? ref.dtype : (ref?.kind ?? 'missing');
      throw new UserError('training.form', `${name} is stored as ${got}; take a model in float16 or float32`);
    }
    const values = ref.transpose ? transposed(toF32(tensor), ref.shape) : toF32(tensor);
    const stored = ref.dtype === 'f16' ? f32ToF16Array(values) : values;
    return { offset: ref.offset, bytes: new Uint8Array(stored.buffer, stored.byteOffset, stored.byteLength) };
  });
}

/** As it is stored: rows and columns swapped. `shape` is the stored one. */
function transposed(values: Float32Array, [rows, columns]: readonly number[]): Float32Array {
  return Float32Array.from(values, (_, i) => values[(i % columns!) * rows! + Math.floor(i / columns!)]!);
}
