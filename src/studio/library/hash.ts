/**
 * A model file's hashes in one pass: sha256 (A1111 shows its first ten digits), AutoV3 (sha256 of a safetensors file
 * after its header, twelve digits; Civitai's and kohya's), and the hash of A1111's early versions (sha256 of 64 KiB at
 * 1 MiB, eight digits). Runs in the reader's process.
 */

import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';

export interface ModelHashes {
  readonly sha256: string;
  /** Only of safetensors files. */
  readonly autoV3?: string;
  readonly legacy: string;
}

const chunkBytes = 2 ** 20;
const legacyStart = 2 ** 20;
const legacyBytes = 2 ** 16;

/** @param onProgress told of the bytes read so far, after each MiB */
export async function hashModel(path: string, onProgress: (bytes: number) => void = () => {}): Promise<ModelHashes> {
  const whole = createHash('sha256');
  const data = createHash('sha256');
  const legacy = createHash('sha256');
  const handle = await open(path, 'r');
  try {
    const dataStart = /\.safetensors$/i.test(path) ? await headerEnd(handle) : undefined;
    const buffer = new Uint8Array(chunkBytes);
    for (let at = 0; ; ) {
      const { bytesRead } = await handle.read(buffer, 0, chunkBytes, at);
      if (bytesRead === 0) break;
      const chunk = buffer.subarray(0, bytesRead);
      whole.update(chunk);
      if (dataStart !== undefined) data.update(chunk.subarray(Math.min(bytesRead, Math.max(0, dataStart - at))));
      legacy.update(overlap(chunk, at, legacyStart, legacyBytes));
      at += bytesRead;
      onProgress(at);
    }
    const hashes = { sha256: whole.digest('hex'), legacy: legacy.digest('hex').slice(0, 8) };
    return dataStart === undefined ? hashes : { ...hashes, autoV3: data.digest('hex').slice(0, 12) };
  } finally {
    await handle.close();
  }
}

/** The eight digits of A1111's early versions, by which sd-webui-controlnet tells its models apart. */
export async function legacyHash(path: string): Promise<string> {
  const handle = await open(path, 'r');
  try {
    const buffer = new Uint8Array(legacyBytes);
    const { bytesRead } = await handle.read(buffer, 0, legacyBytes, legacyStart);
    return createHash('sha256').update(buffer.subarray(0, bytesRead)).digest('hex').slice(0, 8);
  } finally {
    await handle.close();
  }
}

/** The part of `chunk`, which lies at `at` in the file, that is within `length` bytes from `start`. */
function overlap(chunk: Uint8Array, at: number, start: number, length: number): Uint8Array {
  const from = Math.min(chunk.length, Math.max(0, start - at));
  return chunk.subarray(from, Math.max(from, Math.min(chunk.length, start + length - at)));
}

/** Offset of a safetensors file's data; undefined when the file is too short to be one. */
async function headerEnd(handle: Awaited<ReturnType<typeof open>>): Promise<number | undefined> {
  const { size } = await handle.stat();
  const head = new Uint8Array(8);
  const { bytesRead } = await handle.read(head, 0, 8, 0);
  if (bytesRead < 8) return undefined;
  const end = 8n + new DataView(head.buffer).getBigUint64(0, true);
  return end <= BigInt(size) ? Number(end) : undefined;
}
