import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { HostTensor } from '#core/tensor';
import { bytesSource } from '#formats/byte-source';
import { coreDType, fileDTypes, hostTensor, readFileTensor } from '#formats/file-dtype';
import { readSafetensorsHeader } from '#formats/safetensors';
import { describeFile } from './detect.ts';
import type { StoredTensor } from './resolve.ts';
import { type ModelFiles, openTensorFile } from './tensor-file.ts';

const fixture = (path: string): Uint8Array =>
  readFileSync(new URL(`../../test/goldens/data/models/${path}`, import.meta.url));

const files: ModelFiles = {
  exists: async () => true,
  readText: async (path) => new TextDecoder().decode(fixture(path)),
  source: async (path) => bytesSource(path, fixture(path)),
};

/** The values behind a stored tensor, read as a runtime would. */
function valuesOf({ ref }: StoredTensor): HostTensor {
  if (ref?.kind === 'memory') return ref.tensor;
  if (ref?.kind !== 'file') throw new Error('not in a file as it is');
  const { path, offset, byteLength, dtype, shape } = ref;
  const bytes = fixture(path).slice(offset, offset + byteLength);
  return hostTensor({ name: path, dtype: fileDTypes.find((name) => coreDType(name) === dtype)!, shape }, bytes);
}

/** A safetensors file of one byte for each name. */
function named(names: readonly string[]): ModelFiles {
  const entries = names.map((name, i) => [name, { dtype: 'U8', shape: [1], data_offsets: [i, i + 1] }]);
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)));
  const bytes = new Uint8Array(8 + json.length + names.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
  bytes.set(json, 8);
  return { ...files, source: async () => bytesSource('wrapped.safetensors', bytes) };
}

describe('openTensorFile', () => {
  it.each([
    [
      ['model._orig_mod.a.w', 'b'],
      ['model.a.w', 'b'],
    ],
    [
      ['_orig_mod.a', '_orig_mod.b._checkpoint_wrapped_module.c'],
      ['a', 'b.c'],
    ],
    [
      ['module.a', 'module.module.b'],
      ['a', 'module.b'],
    ],
    [
      ['module.a', 'b'],
      ['module.a', 'b'],
    ],
    [['a._orig_mod.w', 'a.w'], ['a.w']],
  ])('looks through the wrappers in %j', async (stored, plain) => {
    const { tensors } = await openTensorFile(named(stored), 'wrapped.safetensors');
    expect([...tensors.keys()]).toEqual(plain);
  });

  it.each([
    ['ckpt/expected.safetensors', 'model.ckpt'],
    ['ckpt/plain-zip.ckpt', 'model.safetensors'],
    ['ckpt/plain-legacy.ckpt', 'model.safetensors'],
  ])('reads %s by its first bytes when it is called %s', async (path, name) => {
    const renamed = { ...files, source: async () => bytesSource(name, fixture(path)) };
    const { tensors } = await openTensorFile(renamed, name);
    expect([...tensors.keys()].sort()).toEqual([...(await openTensorFile(files, path)).tensors.keys()].sort());
  });

  it.each([
    ['ckpt/plain-zip.ckpt', 'ckpt/expected.safetensors'],
    ['ckpt/plain-legacy.ckpt', 'ckpt/expected.safetensors'],
    ['ckpt/noncontiguous-zip.ckpt', 'ckpt/expected-noncontiguous.safetensors'],
  ])('finds the bytes of every tensor of %s', async (path, expected) => {
    const { tensors } = await openTensorFile(files, path);
    const source = await files.source(expected);
    const wanted = (await readSafetensorsHeader(source)).tensors;
    expect([...tensors.keys()].sort()).toEqual([...wanted.keys()].sort());
    for (const [name, entry] of wanted)
      expect(valuesOf(tensors.get(name)!)).toEqual(await readFileTensor(source, entry));
  });

  it('leaves contiguous tensors in the file', async () => {
    const { tensors } = await openTensorFile(files, 'ckpt/plain-zip.ckpt');
    expect([...tensors.values()].every((t) => t.ref?.kind === 'file')).toBe(true);
    const strided = await openTensorFile(files, 'ckpt/noncontiguous-zip.ckpt');
    expect([...strided.tensors.values()].some((t) => t.ref?.kind === 'memory')).toBe(true);
  });

  it.each([
    ['adapters/embeddings/gold-toy.bin', 'embedding'],
    ['adapters/embeddings/goldpt.pt', 'embedding'],
    ['adapters/embeddings/goldpt-legacy.pt', 'embedding'],
    ['adapters/embeddings/goldst.safetensors', 'embedding'],
    ['adapters/embeddings/goldxl.safetensors', 'embedding'],
    ['adapters/hypernetworks/gold-plain.pt', 'hypernetwork'],
  ])('opens %s far enough to say what it is', async (path, kind) => {
    const { tensors } = await openTensorFile(files, path);
    expect(tensors.size).toBeGreaterThan(0);
    expect(describeFile(tensors).kind).toBe(kind);
  });
});
