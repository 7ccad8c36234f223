import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type DarkroomError, UserError } from '#core/errors';
import { bytesSource } from './byte-source.ts';
import { openCheckpoint, readCheckpointTensor } from './checkpoint.ts';
import { readSafetensorsHeader } from './safetensors.ts';

const goldens = new URL('../../test/goldens/data/models/ckpt/', import.meta.url);

interface ManifestRow {
  readonly file: string;
  readonly container: string;
  readonly expect: 'load' | 'reject' | 'load-or-reject';
  readonly expected?: string;
  readonly kind?: string;
}

const manifest = JSON.parse(readFileSync(new URL('manifest.json', goldens), 'utf8')) as { files: ManifestRow[] };

/** The golden's kinds, and the codes of ours that state the same fact. */
const equivalents: Readonly<Record<string, RegExp>> = {
  'forbidden-global': /^pickle\.forbidden-global$/,
  'bad-pickle': /^(pickle\.(malformed|unsupported|truncated)|checkpoint\.(malformed|unrecognised))$/,
  'too-large': /^(pickle\.too-large|zip\.too-large|zip\.malformed|checkpoint\.malformed)$/,
  'bad-zip': /^(zip\.(malformed|crc)|checkpoint\.malformed)$/,
  'path-traversal': /^zip\.(unsafe-name|malformed)$/,
  truncated: /^(zip|checkpoint|pickle)\.truncated$/,
  'bad-tensor': /^(pickle|checkpoint)\.bad-tensor$/,
};

/** Files in which another fault comes first. */
const exceptions: Readonly<Record<string, string>> = {
  // Both faults are there: it is a pickle, and it names os.system.
  'hostile/renamed-to.safetensors': 'pickle.forbidden-global',
  // Sharing costs nothing here; what remains is a stack with leftovers and no dictionary.
  'hostile/doubling.ckpt': 'pickle.malformed',
};

function golden(file: string): Uint8Array {
  return new Uint8Array(readFileSync(new URL(file, goldens)));
}

/** Name -> [dtype, shape, bytes] of a safetensors file. */
async function expectedTensors(file: string): Promise<Map<string, unknown>> {
  const source = bytesSource(file, golden(file));
  const { tensors } = await readSafetensorsHeader(source);
  const rows = [...tensors.values()].map(async (t) => {
    const bytes = await source.read(t.offset, t.byteLength);
    return [t.name, [t.dtype, [...t.shape], [...bytes]]] as const;
  });
  return new Map(await Promise.all(rows));
}

async function loadedTensors(file: string, bytes: Uint8Array): Promise<Map<string, unknown>> {
  const source = bytesSource(file, bytes);
  const checkpoint = await openCheckpoint(source);
  const rows = [...checkpoint.tensors.values()].map(async (t) => {
    const read = await checkpoint.readBytes(t.view);
    // Where the file holds the tensor in one piece, the range says the same as the read.
    if (t.offset !== undefined) expect(await source.read(t.offset, t.byteLength)).toEqual(read);
    expect(t.byteLength).toBe(read.length);
    return [t.name, [t.dtype, [...t.shape], [...read]]] as const;
  });
  return new Map(await Promise.all(rows));
}

async function errorOf(file: string): Promise<DarkroomError> {
  try {
    await loadedTensors(file, golden(file));
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    return error as DarkroomError;
  }
  throw new Error(`${file} was loaded`);
}

describe('openCheckpoint against the golden files', () => {
  it('covers every file of the folder', () => {
    const hostile = readdirSync(new URL('hostile/', goldens)).map((f) => `hostile/${f}`);
    const plain = readdirSync(goldens).filter((f) => /\.(ckpt|pt)$/.test(f));
    expect(manifest.files.map((f) => f.file).sort()).toEqual([...hostile, ...plain].sort());
  });

  it.each(manifest.files.filter((f) => f.expected))('loads $file bit for bit', async ({ file, expected }) => {
    expect(await loadedTensors(file, golden(file))).toEqual(await expectedTensors(expected!));
  });

  it.each(manifest.files.filter((f) => f.kind))('refuses $file ($kind)', async ({ file, kind }) => {
    const error = await errorOf(file);
    expect(error.code).toMatch(exceptions[file] ?? equivalents[kind!]!);
    expect(error.message.length).toBeLessThan(600);
    expect(existsSync('PWNED')).toBe(false);
  });

  it('gives most tensors as ranges of the file, for reading in place', async () => {
    for (const file of ['plain-zip.ckpt', 'wrapped-legacy.ckpt']) {
      const { tensors } = await openCheckpoint(bytesSource(file, golden(file)));
      expect([...tensors.values()].filter((t) => t.offset === undefined)).toEqual([]);
    }
    const { tensors } = await openCheckpoint(bytesSource('n', golden('noncontiguous-zip.ckpt')));
    expect([...tensors.values()].some((t) => t.offset === undefined)).toBe(true);
  });

  it('gives host tensors', async () => {
    const checkpoint = await openCheckpoint(bytesSource('s', golden('shared-zip.ckpt')));
    const whole = await readCheckpointTensor(checkpoint, checkpoint.tensors.get('whole')!);
    const head = await readCheckpointTensor(checkpoint, checkpoint.tensors.get('head')!);
    expect(head.dtype).toBe('f32');
    expect([...head.data]).toEqual([...whole.data].slice(0, 10));
  });
});
