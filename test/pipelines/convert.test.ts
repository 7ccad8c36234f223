/** Models converted to every layout and type, and loaded or run again. */

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import * as ort from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createOrtNodeBackend } from '#backends/ort-node/cpu';
import { f32, type HostTensor, sizeOf } from '#core/tensor';
import { writeSafetensors } from '#formats/safetensors-writer';
import { readWeight } from '#models/adapters/read-weight';
import { type LoadedCheckpoint, loadCheckpoint } from '#models/load';
import { openTensorFile } from '#models/tensor-file';
import { clipTokens } from '#prompt/clip-tokens';
import { createClipTokenizer } from '#prompt/tokenizer';
import { convertModel } from '#studio/convert/convert';
import { nodeModelFiles } from '#studio/files/model-files';

const models = fileURLToPath(new URL('../goldens/data/models/', import.meta.url));
const backend = createOrtNodeBackend({ device: 'cpu', threads: 1 });
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'convert-'));
});
afterAll(async () => {
  await backend.dispose();
  rmSync(folder, { recursive: true });
});

const noise = (shape: readonly number[]): HostTensor<'f32'> =>
  f32(
    shape,
    Float32Array.from({ length: sizeOf(shape) }, (_, i) => Math.sin(i * 12.9898) * 1.2),
  );

function unetFeeds({ parts }: LoadedCheckpoint) {
  const { denoiser } = parts;
  return {
    sample: noise([1, denoiser.inChannels, 8, 8]),
    timestep: f32([1], [301]),
    context: noise([1, 77, denoiser.contextWidth]),
  };
}

async function predict(model: LoadedCheckpoint): Promise<Float32Array> {
  const session = await backend.compile(model.parts.denoiser.graph(), { weights: model.weights });
  const { prediction } = await session.run(unetFeeds(model));
  await session.dispose();
  return prediction!.data as Float32Array;
}

function relativeError(got: Float32Array, want: Float32Array): number {
  const largest = want.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
  return got.reduce((most, v, i) => Math.max(most, Math.abs(v - want[i]!)), 0) / largest;
}

const load = (file: string) => loadCheckpoint(nodeModelFiles, file, { partial: true });

describe('converting a whole model', () => {
  const single = `${models}tiny-sd1/tiny-sd1.safetensors`;

  it.each([
    ['f32.safetensors', 'safetensors', 'f32', 1e-6],
    ['bf16.safetensors', 'safetensors', 'bf16', 0.05],
    ['fp8.safetensors', 'safetensors', 'fp8', 0.3],
    ['q8_0.gguf', 'gguf', 'q8_0', 0.05],
    ['f16.gguf', 'gguf', 'f16', 5e-3],
    ['diffusers', 'diffusers', 'f32', 1e-6],
  ] as const)('to %s, which draws about the same', async (name, layout, form, tolerance) => {
    const to = path.join(folder, name);
    const made = await convertModel({ from: single, to, layout, form });
    expect(made!.bytes).toBeGreaterThan(1e5);
    const [before, after] = [await load(single), await load(to)];
    expect(after.components.toSorted()).toEqual(before.components.toSorted());
    expect(after.problems).toEqual([]);
    const [want, got] = [await predict(before), await predict(after)];
    const error = relativeError(got, want);
    expect(error).toBeLessThan(tolerance);
    if (form !== 'f32') expect(error).toBeGreaterThan(0);
    expect(readdirSync(folder).filter((file) => file.includes('partial'))).toEqual([]);
  });

  it.each(['tiny-sd1', 'tiny-sd2', 'tiny-sdxl'])(
    'from %s in a single file to a folder and back, tensor by tensor',
    async (name) => {
      const from = `${models}${name}/${name}.safetensors`;
      const [between, back] = [path.join(folder, `${name}-between`), path.join(folder, `${name}-back.safetensors`)];
      await convertModel({ from, to: between, layout: 'diffusers', form: 'f32' });
      await convertModel({ from: between, to: back, layout: 'safetensors', form: 'f32' });
      const [want, got] = [await openTensorFile(nodeModelFiles, from), await openTensorFile(nodeModelFiles, back)];
      const { family } = await load(from);
      const needed = [...want.tensors.keys()].filter((key) => !family.ignored.some((each) => each.test(key)));
      expect([...got.tensors.keys()]).toEqual(expect.arrayContaining(needed));
      for (const key of needed) {
        const [a, b] = [want.tensors.get(key)!, got.tensors.get(key)!];
        expect(b.shape, key).toEqual(a.shape);
        const [was, is] = await Promise.all(
          [a, b].map(async ({ ref }) => (await readWeight(nodeModelFiles, ref!)).data),
        );
        expect(
          Buffer.from(is!.buffer, is!.byteOffset, is!.byteLength).equals(Buffer.from(was!.slice().buffer)),
          key,
        ).toBe(true);
      }
    },
  );

  it('keeps what a folder says beside its tensors', async () => {
    const between = path.join(folder, 'tiny-sd2-v');
    const from = `${models}tiny-sd2/tiny-sd2.safetensors`;
    const before = await load(from);
    await convertModel({ from, to: between, layout: 'diffusers', form: 'f16' });
    const after = await load(between);
    expect(after.config).toEqual(before.config);
    expect(readFileSync(path.join(between, 'model_index.json'), 'utf8')).toContain('StableDiffusionPipeline');

    const card = '{"preferred":{"cfgScale":3}}';
    writeFileSync(`${between}.darkroom.json`, card);
    writeFileSync(`${between}.json`, '{"notes":"theirs"}');
    writeFileSync(path.join(folder, 'again.json'), '{"notes":"mine"}');
    const to = path.join(folder, 'again.safetensors');
    const made = await convertModel({ from: between, to, layout: 'safetensors', form: 'f16' });
    expect(made!.notes).toEqual(['tiny-sd2-v.darkroom.json beside the model was copied to again.darkroom.json.']);
    expect(readFileSync(path.join(folder, 'again.darkroom.json'), 'utf8')).toBe(card);
    expect(readFileSync(path.join(folder, 'again.json'), 'utf8')).toContain('mine');
  });

  it('writes the tokenizer that transformers reads', () => {
    const { tokens, merges } = clipTokens();
    expect([tokens[0], tokens[256], tokens[512], tokens.length]).toEqual(['!', '!</w>', 'in', 49406]);
    expect(merges.slice(0, 3)).toEqual([
      ['i', 'n'],
      ['t', 'h'],
      ['a', 'n'],
    ]);
    const [id] = createClipTokenizer().encode('fox');
    expect(tokens[id!]).toBe('fox</w>');
    const vocabulary = JSON.parse(readFileSync(path.join(folder, 'diffusers/tokenizer/vocab.json'), 'utf8')) as object;
    expect(Object.keys(vocabulary)).toHaveLength(49408);
  });

  it('takes the moving average when asked to, and says when it was left out', async () => {
    const plain = 'model.diffusion_model.out.2.bias';
    const averaged = 'model_ema.diffusion_modelout2bias';
    const file = path.join(folder, 'averaged.safetensors');
    const tensors = [plain, averaged].map((name, i) => ({
      ...{ name, dtype: 'F32' as const, shape: [2] },
      data: new Uint8Array(Float32Array.of(i, i + 0.5).buffer),
    }));
    writeFileSync(file, Buffer.concat(writeSafetensors(tensors)));
    const valuesAt = async (weights: 'plain' | 'ema') => {
      const to = path.join(folder, `${weights}.safetensors`);
      const made = await convertModel({ from: file, to, layout: 'safetensors', form: 'f32', weights });
      const { tensors: written } = await openTensorFile(nodeModelFiles, to);
      expect([...written.keys()]).toEqual([plain]);
      return { notes: made!.notes, values: [...(await readWeight(nodeModelFiles, written.get(plain)!.ref!)).data] };
    };
    expect(await valuesAt('plain')).toEqual({ notes: [expect.stringMatching(/left out/)], values: [0, 0.5] });
    expect(await valuesAt('ema')).toEqual({ notes: [expect.stringMatching(/was taken/)], values: [1, 1.5] });
    const none = { from: path.join(folder, 'plain.safetensors'), to: path.join(folder, 'none.safetensors') } as const;
    const asked = convertModel({ ...none, layout: 'safetensors', form: 'f16', weights: 'ema' });
    await expect(asked).rejects.toMatchObject({ code: 'model.no-ema' });
    expect(existsSync(none.to)).toBe(false);
  });

  it('refuses what cannot be, and writes nothing', async () => {
    const to = path.join(folder, 'refused.safetensors');
    const wrong = convertModel({ from: single, to, layout: 'safetensors', form: 'q8_0' });
    await expect(wrong).rejects.toMatchObject({ code: 'convert.form' });
    writeFileSync(to, 'mine');
    const taken = convertModel({ from: single, to, layout: 'safetensors', form: 'f16' });
    await expect(taken).rejects.toMatchObject({ code: 'convert.exists' });
    expect(readFileSync(to, 'utf8')).toBe('mine');
    const abort = new AbortController();
    const stopped = path.join(folder, 'stopped.safetensors');
    const onProgress = () => abort.abort();
    const request = { from: single, to: stopped, layout: 'safetensors', form: 'f16' } as const;
    expect(await convertModel(request, { signal: abort.signal, onProgress })).toBeUndefined();
    expect(readdirSync(folder).filter((name) => name.startsWith('stopped'))).toEqual([]);
  });
});

describe('exporting to ONNX', () => {
  it.each(['f32', 'f16'] as const)('gives networks that plain ONNX Runtime runs: %s', async (form) => {
    const to = path.join(folder, `onnx-${form}`);
    const from = `${models}tiny-sd1/tiny-sd1.safetensors`;
    await convertModel({ from, to, layout: 'onnx', form });
    expect(readdirSync(to).toSorted()).toEqual(['text_encoder', 'unet', 'vae_decoder', 'vae_encoder']);
    const model = await load(from);
    const session = await ort.InferenceSession.create(path.join(to, 'unet/model.onnx'));
    const feeds = Object.fromEntries(
      Object.entries(unetFeeds(model)).map(([name, { shape, data }]) => [name, new ort.Tensor('float32', data, shape)]),
    );
    const { prediction } = await session.run(feeds);
    await session.release();
    expect(relativeError(prediction!.data as Float32Array, await predict(model))).toBeLessThan(
      form === 'f32' ? 1e-5 : 2e-3,
    );
  });
});
