/** Which parameters of a loaded model hold NaN or infinity: read in full, so asked only when something is wrong. */

import { byteSize, viewBytes } from '#core/dtype';
import { toF32 } from '#core/tensor';
import type { WeightRef } from '#engine/backend';
import { widened } from '#engine/packed';
import type { LoadedCheckpoint } from '#models/load';
import { fileSource } from '../files/model-files.ts';

/** Elements read at once. */
const blockLength = 2 ** 22;

/** @param tell bytes of each block that was read */
export async function nonFiniteParameters(
  model: LoadedCheckpoint,
  component: string,
  tell: (bytes: number) => void = () => {},
): Promise<string[]> {
  const found: string[] = [];
  for (const { name } of model.family.parameters(model.config)) {
    const ref = name.startsWith(`${component}.`) ? model.weights.get(name) : undefined;
    if (ref && !(await hasFiniteValues(ref, tell))) found.push(name);
  }
  return found;
}

async function hasFiniteValues(ref: WeightRef, tell: (bytes: number) => void): Promise<boolean> {
  if (ref.kind === 'memory') return toF32(ref.tensor).every(Number.isFinite);
  if (ref.kind === 'packed') return (await widened(ref)).data.every(Number.isFinite);
  const source = await fileSource(ref.path);
  const block = blockLength * byteSize(ref.dtype);
  for (let at = 0; at < ref.byteLength; at += block) {
    const bytes = await source.read(ref.offset + at, Math.min(block, ref.byteLength - at));
    tell(bytes.length);
    const values = toF32({ dtype: ref.dtype, data: viewBytes(ref.dtype, bytes) });
    if (!values.every(Number.isFinite)) return false;
  }
  return true;
}
