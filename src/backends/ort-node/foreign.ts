/** ONNX files of others' making, run as they are. */

import type * as Ort from 'onnxruntime-node';
import type { HostTensor } from '#core/tensor';
import type { Feeds, ForeignPort, ForeignSession } from '#engine/backend';
import { EngineError, toEngineError } from '#engine/errors';
import { dtypeOf, fromOrt, toOrt } from './tensors.ts';

export function createForeignSession(ort: typeof Ort, backend: string, inner: Ort.InferenceSession): ForeignSession {
  const inputs = inner.inputMetadata.map(portOf);
  const outputs = inner.outputMetadata.map(portOf);
  async function run(feeds: Feeds): Promise<Record<string, HostTensor>> {
    const fed = Object.fromEntries(Object.entries(feeds).map(([name, tensor]) => [name, toOrt(ort, tensor)]));
    const results = await inner.run(fed).catch((cause: unknown) => {
      throw toEngineError('run', backend, 'running an ONNX file', cause);
    });
    const named: Record<string, HostTensor> = {};
    for (const [name, tensor] of Object.entries(results)) {
      const dtype = dtypeOf(tensor.type);
      if (!dtype) throw new EngineError('run', backend, `${name} of the ONNX file is of type ${tensor.type}`);
      named[name] = fromOrt(tensor, dtype);
    }
    return named;
  }
  return { inputs, outputs, run, dispose: async () => await inner.release() };
}

function portOf(metadata: Ort.InferenceSession.ValueMetadata): ForeignPort {
  if (!metadata.isTensor) return { name: metadata.name, dtype: undefined, shape: [] };
  const shape = metadata.shape.map((size) => (typeof size === 'number' && size > 0 ? size : undefined));
  return { name: metadata.name, dtype: dtypeOf(metadata.type), shape };
}
