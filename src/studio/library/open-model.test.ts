import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, it } from 'vitest';
import { f32 } from '#core/tensor';
import { writeSafetensors } from '#formats/safetensors-writer';
import { writeTorch } from '#formats/torch-writer';
import { openTensorFile } from '#models/tensor-file';
import { nodeModelFiles } from '../files/model-files.ts';
import { modelOpener } from './open-model.ts';

const fixture = fileURLToPath(
  new URL('../../../test/goldens/data/models/tiny-sd1/tiny-sd1.safetensors', import.meta.url),
);
const folder = mkdtempSync(join(tmpdir(), 'darkroom-open-'));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

it('takes the VAE that lies beside a checkpoint under its name, unless another is asked for', async () => {
  const model = join(folder, 'tiny.safetensors');
  const beside = join(folder, 'tiny.vae.safetensors');
  copyFileSync(fixture, model);
  copyFileSync(fixture.replace('.safetensors', '.yaml'), join(folder, 'tiny.yaml'));
  const { tensors } = await openTensorFile(nodeModelFiles, model);
  const prefix = 'first_stage_model.';
  const own = [...tensors]
    .filter(([name]) => name.startsWith(prefix))
    .map(([name, { shape }]) => {
      const data = new Uint8Array(4 * shape.reduce((size, n) => size * n, 1));
      return { name: name.slice(prefix.length), shape, dtype: 'F32' as const, data };
    });
  writeFileSync(beside, Buffer.concat(writeSafetensors(own)));
  const open = modelOpener([]);
  const pathOf = (weights: Awaited<ReturnType<typeof open>>['weights']) => {
    const ref = weights.get('vae.decoder.conv_out.bias');
    return ref?.kind === 'file' ? ref.path : undefined;
  };
  const automatic = await open({ model, vae: undefined });
  expect([automatic.vae?.name, pathOf(automatic.weights)]).toEqual(['tiny.vae.safetensors', beside]);
  const asked = await open({ model, vae: model });
  expect(pathOf(asked.weights)).toBe(model);
  // What torch saved comes before safetensors, as upstream has it.
  const pickled = join(folder, 'tiny.vae.pt');
  const state = own.map(({ name, shape, data }) => [name, f32(shape, new Float32Array(data.buffer))] as const);
  writeFileSync(pickled, writeTorch(new Map([['state_dict', new Map(state)]])));
  expect(pathOf((await modelOpener([])({ model, vae: undefined })).weights)).toBe(pickled);
  // What its card says, as A1111's users write it, comes before both.
  const listed = join(folder, 'VAE', 'other.safetensors');
  mkdirSync(join(folder, 'VAE'));
  writeFileSync(listed, Buffer.concat(writeSafetensors(own)));
  const withCard = async (vae: string) => {
    writeFileSync(join(folder, 'tiny.json'), JSON.stringify({ vae }));
    return await modelOpener([folder])({ model, vae: undefined });
  };
  const chosen = await withCard('other.safetensors');
  expect([pathOf(chosen.weights), chosen.vae?.name, chosen.warnings]).toEqual([listed, 'other.safetensors', []]);
  expect(pathOf((await withCard('None')).weights)).toBe(model);
  expect(pathOf((await withCard('Automatic')).weights)).toBe(pickled);
  expect(await chosen.isCurrent?.()).toBe(false);
  const missing = await withCard('gone.pt');
  expect([pathOf(missing.weights), missing.warnings]).toEqual([
    pickled,
    [expect.stringMatching(/^The VAE of this model's card is not taken\. There is no vae "gone\.pt"/)],
  ]);
});
