/** Named float32 tensors in a safetensors file, read and written whole. */

import { readFile } from 'node:fs/promises';
import { viewBytes } from '#core/dtype';
import { f32, type HostTensor, toF32 } from '#core/tensor';
import { writeWhole } from './run-files.ts';

export async function readTensorFile(file: string): Promise<Map<string, HostTensor>> {
  const bytes = await readFile(file);
  const length = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.subarray(8, 8 + length).toString('utf8')) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >;
  const tensors = new Map<string, HostTensor>();
  for (const [name, t] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    const data = bytes.subarray(8 + length + t.data_offsets[0], 8 + length + t.data_offsets[1]);
    tensors.set(name, f32(t.shape, viewBytes('f32', new Uint8Array(data)).slice()));
  }
  return tensors;
}

export async function writeTensorFile(
  file: string,
  tensors: ReadonlyMap<string, HostTensor>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  const header: Record<string, unknown> = { __metadata__: { format: 'pt', ...metadata } };
  const chunks: Uint8Array[] = [];
  let offset = 0;
  for (const [name, t] of tensors) {
    const data = toF32(t);
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    header[name] = { dtype: 'F32', shape: t.shape, data_offsets: [offset, offset + bytes.byteLength] };
    chunks.push(bytes);
    offset += bytes.byteLength;
  }
  let json = JSON.stringify(header);
  while ((8 + Buffer.byteLength(json)) % 8 !== 0) json += ' ';
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(Buffer.byteLength(json)));
  await writeWhole(file, [length, Buffer.from(json), ...chunks]);
}
