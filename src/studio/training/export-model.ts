/** Writes a trained model as one file in SD 1's single-file layout, halves, with its configuration as metadata. */

import { f32ToF16Array } from '#core/half';
import { toF32 } from '#core/tensor';
import { planSafetensors } from '#formats/safetensors-writer';
import { embeddedConfigKey } from '#models/embedded-config';
import type { Sd1Config } from '#models/sd1/config';
import { embeddedConfig } from '#models/sd1/embedded';
import { sd1SingleFile } from '#models/sd1/family';
import type { Weights } from '#training/loop';
import { writeWhole } from './write-whole.ts';

/** `weights` holds every parameter of the three components by canonical name. */
export async function exportSingleFile(
  file: string,
  config: Sd1Config,
  weights: Weights,
  metadata: Readonly<Record<string, string>>,
): Promise<void> {
  const tensors = sd1SingleFile(config).map(({ parameter, name, shape }) => ({
    name,
    shape,
    dtype: 'F16' as const,
    parameter,
  }));
  const plan = planSafetensors(tensors, { [embeddedConfigKey]: embeddedConfig(config), ...metadata });
  await writeWhole(file, chunks());

  function* chunks(): Generator<Uint8Array> {
    yield plan.header;
    for (const { parameter } of plan.order) {
      const halves = f32ToF16Array(toF32(weights.get(parameter)!));
      yield new Uint8Array(halves.buffer, halves.byteOffset, halves.byteLength);
    }
  }
}
