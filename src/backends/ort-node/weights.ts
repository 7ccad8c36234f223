/** A graph's weights as the runtime takes them: all by reference into files, or all in memory. */

import { realpathSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { byteSize, viewBytes } from '#core/dtype';
import { type HostTensor, sizeOf, toF32 } from '#core/tensor';
import type { WeightRange, WeightSource } from '#engine/backend';
import { transposed } from '#engine/packed';
import type { BlockPacking } from '#formats/packing';
import type { Graph } from '#graph/value';
import { unpackWeights } from '#onnx/unpack';
import type { LoweredWeight, LoweredWeights } from '#onnx/weights';

/**
 * Beside weights in files those in memory must go into the model itself, which is copied and must stay below 2 GiB;
 * beyond this many bytes the others are read into memory instead.
 */
const INLINE_LIMIT = 64 * 2 ** 20;

export async function prepareWeights(
  graph: Graph,
  source: WeightSource,
  keeps: (packing: BlockPacking) => boolean,
): Promise<LoweredWeights> {
  const unpacked = await unpackWeights(graph, resolveLinks(source), keeps);
  const weights = new Map<string, LoweredWeight>();
  let inMemory = 0;
  for (const { attrs } of graph.parameters) {
    const weight = unpacked.get(attrs.name);
    if (!weight) continue;
    weights.set(attrs.name, weight);
    if (weight.kind === 'memory') inMemory += sizeOf(weight.tensor.shape) * byteSize(weight.tensor.dtype);
    if (weight.kind === 'blocks') inMemory += weight.blocks.codes.length;
  }
  if (inMemory > INLINE_LIMIT) {
    for (const [name, weight] of weights) if (weight.kind === 'file') weights.set(name, await readRange(weight));
  }
  return { get: (name) => weights.get(name) };
}

/** The runtime refuses links that leave the folder of the weights, so it gets the files that they point to. */
function resolveLinks(source: WeightSource): WeightSource {
  const resolved = new Map<string, string>();
  return {
    get(name) {
      const ref = source.get(name);
      if (ref?.kind !== 'file') return ref;
      const path = resolved.get(ref.path) ?? realpathSync(ref.path);
      resolved.set(ref.path, path);
      return { ...ref, path };
    },
  };
}

async function readRange({ path, offset, byteLength, dtype, shape, transpose }: WeightRange): Promise<LoweredWeight> {
  const bytes = new Uint8Array(byteLength);
  const file = await open(path);
  try {
    await file.read(bytes, 0, byteLength, offset);
  } finally {
    await file.close();
  }
  const tensor = { dtype, shape, data: viewBytes(dtype, bytes) } as HostTensor;
  if (!transpose) return { kind: 'memory', tensor };
  return { kind: 'memory', tensor: transposed({ dtype: 'f32', shape, data: toF32(tensor) }) };
}
