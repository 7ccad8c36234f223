/** Named float32 tensors in a safetensors file, one tensor in memory beside the caller's at a time. */

import { f32, type HostTensor, sizeOf, toF32 } from '#core/tensor';
import { readFileTensor } from '#formats/file-dtype';
import { readSafetensorsHeader } from '#formats/safetensors';
import { planSafetensors } from '#formats/safetensors-writer';
import { nodeModelFiles } from '../files/model-files.ts';
import { writeWhole } from './write-whole.ts';

/** Other float types are widened to float32. Throws FormatError for a file that is none or cut short. */
export async function readTensorFile(file: string): Promise<Map<string, HostTensor>> {
  const source = await nodeModelFiles.source(file);
  const { tensors: entries } = await readSafetensorsHeader(source);
  const tensors = new Map<string, HostTensor>();
  for (const [name, entry] of entries) tensors.set(name, f32(entry.shape, toF32(await readFileTensor(source, entry))));
  return tensors;
}

/** Atomic; see `writeWhole`. */
export async function writeTensorFile(
  file: string,
  tensors: ReadonlyMap<string, HostTensor>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  const specs = [...tensors].map(([name, { shape }]) => ({ name, shape, dtype: 'F32' as const }));
  const plan = planSafetensors(specs, { format: 'pt', ...metadata });
  await writeWhole(file, chunks());

  function* chunks(): Generator<Uint8Array> {
    yield plan.header;
    for (const { name, shape } of plan.order) {
      const { buffer, byteOffset } = toF32(tensors.get(name)!);
      yield new Uint8Array(buffer, byteOffset, 4 * sizeOf(shape));
    }
  }
}
