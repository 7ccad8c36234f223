/** Checks of models/quantised: what packed tensors unpack to, and U-Nets that run on them. */

import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { f32, type HostTensor, toF32 } from '#core/tensor';
import type { Backend } from '#engine/backend';
import { bytesSource } from '#formats/byte-source';
import { readFileTensor } from '#formats/file-dtype';
import { readSafetensorsHeader } from '#formats/safetensors';
import { readWeight } from '#models/adapters/read-weight';
import { loadCheckpoint } from '#models/load';
import { type ModelFiles, openTensorFile } from '#models/tensor-file';
import { type RowCheck, relativeError } from './row-check.ts';

interface QuantisedCase {
  readonly name: string;
  readonly kind: string;
  readonly params: { readonly file: string; readonly tensors?: Readonly<Record<string, string>> };
  readonly inputs: Readonly<Record<string, string>>;
  readonly outputs: Readonly<Record<string, string>>;
  readonly rtol: number;
}

const files: ModelFiles = {
  exists: async (file) => existsSync(file),
  readText: async (file) => readFileSync(file, 'utf8'),
  source: async (file) => bytesSource(file, new Uint8Array(readFileSync(file))),
};

async function readTensors(file: string): Promise<Map<string, HostTensor>> {
  const source = await files.source(file);
  const { tensors } = await readSafetensorsHeader(source);
  const read = [...tensors].map(async ([name, entry]) => [name, await readFileTensor(source, entry)] as const);
  return new Map(await Promise.all(read));
}

export async function* checkQuantised(file: string, backend: Backend): AsyncGenerator<RowCheck> {
  const folder = path.dirname(file);
  const { cases } = JSON.parse(readFileSync(file, 'utf8')) as { cases: readonly QuantisedCase[] };
  const expected = await readTensors(path.join(folder, 'cases.safetensors'));
  for (const row of cases) {
    const weights = path.join(folder, row.params.file);
    const given = (role: string): HostTensor => expected.get(row.inputs[role]!)!;
    if (row.kind.endsWith('unet')) {
      const got = await runUNet(weights, backend, given);
      const want = expected.get(row.outputs.sample!)!;
      yield { name: `${row.name} sample`, error: relativeError(toF32(got), toF32(want)), tolerance: row.rtol };
    }
    yield* checkTensors(row, weights, expected);
  }
}

/** Each output that is a tensor of the file, or a type that one of its tensors has. */
async function* checkTensors(
  { name, params, outputs, rtol }: QuantisedCase,
  file: string,
  expected: ReadonlyMap<string, HostTensor>,
): AsyncGenerator<RowCheck> {
  const { tensors } = await openTensorFile(files, file);
  const ofType = new Map(Object.entries(params.tensors ?? {}).map(([tensor, type]) => [type, tensor]));
  for (const [output, key] of Object.entries(outputs)) {
    const stored = tensors.get(ofType.get(output) ?? output);
    // What marks the finite values of 8-bit floats is no tensor of the file.
    if (output === 'sample' || output.startsWith('finite.')) continue;
    const want = expected.get(key)!;
    const got = stored?.ref && (await readWeight(files, stored.ref));
    const values = got ? Array.from(got.data, (v) => (Number.isFinite(v) ? v : 0)) : [];
    const sameShape = String(got?.shape) === String(want.shape);
    const error = sameShape ? relativeError(values, toF32(want)) : Number.POSITIVE_INFINITY;
    yield { name: `${name} ${output}`, error, tolerance: rtol };
    const finite = expected.get(outputs[`finite.${output.slice(4)}`] ?? '');
    if (!finite || !output.startsWith('all.')) continue;
    const right = got?.data.every((v, i) => Number.isFinite(v) === (Number(finite.data[i]) === 1));
    yield { name: `${name} ${output} finite`, error: right ? 0 : Number.POSITIVE_INFINITY, tolerance: 0 };
  }
}

async function runUNet(file: string, backend: Backend, given: (role: string) => HostTensor): Promise<HostTensor> {
  const { parts, weights } = await loadCheckpoint(files, file.split(path.sep).join('/'), { partial: true });
  const session = await backend.compile(parts.denoiser.graph(), { weights });
  try {
    const timestep = f32(given('timestep').shape, Float32Array.from(given('timestep').data, Number));
    const feeds = { sample: given('sample'), timestep, context: given('context') };
    return (await session.run(feeds)).prediction!;
  } finally {
    await session.dispose();
  }
}
