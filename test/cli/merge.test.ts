/** `darkroom merge` on tiny models, against the arithmetic on their numbers. */

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { readWeight } from '#models/adapters/read-weight';
import { embeddedConfigKey } from '#models/embedded-config';
import { openTensorFile } from '#models/tensor-file';
import { nodeModelFiles } from '#studio/files/model-files';
import { smallestModel } from '../fixtures/smallest-model.ts';
import { cli, fixture, tinyModel } from './run-cli.ts';

const folder = mkdtempSync(join(tmpdir(), 'darkroom-merge-'));
afterAll(() => rmSync(folder, { recursive: true }));
const name = 'model.diffusion_model.middle_block.0.in_layers.2.weight';
const text = 'cond_stage_model.transformer.text_model.final_layer_norm.weight';

async function valuesIn(file: string, tensor: string): Promise<Float32Array> {
  const { tensors } = await openTensorFile(nodeModelFiles, file);
  return (await readWeight(nodeModelFiles, tensors.get(tensor)!.ref!)).data;
}

/** The tiny model with the signs of one weight turned. */
async function turned(): Promise<string> {
  const file = join(folder, 'turned.safetensors');
  const { tensors } = await openTensorFile(nodeModelFiles, tinyModel);
  const { ref, dtype } = tensors.get(name)!;
  if (ref?.kind !== 'file' || dtype !== 'f32') throw new Error('the weight is not where it was');
  const bytes = readFileSync(tinyModel);
  for (let at = ref.offset + 3; at < ref.offset + ref.byteLength; at += 4) bytes[at]! ^= 0x80;
  writeFileSync(file, bytes);
  return file;
}

it('sums by weight, adds differences and weighs blocks, each as the formula has it', async () => {
  const b = await turned();
  const own = await valuesIn(tinyModel, name);
  const merged = async (...args: string[]) => {
    const to = join(folder, 'merged.safetensors');
    const { code, stdout } = await cli('merge', tinyModel, b, '--to', to, '--force', '--json', ...args);
    expect([code, JSON.parse(stdout).merged]).toEqual([0, expect.any(Number)]);
    expect(await valuesIn(to, text)).toEqual(await valuesIn(tinyModel, text));
    return await valuesIn(to, name);
  };
  const near = (got: Float32Array, factor: number, tolerance = 1e-6) =>
    got.every((v, i) => Math.abs(v - factor * own[i]!) <= tolerance);
  // B is -A there: 0.75 A - 0.25 A, and A + 0.5 (-A - A).
  expect(near(await merged('--multiplier', '0.25'), 0.5)).toBe(true);
  expect(near(await merged('--multiplier', '0.5', '--difference', tinyModel), 0)).toBe(true);
  const middle = Array.from({ length: 26 }, (_, i) => (i === 13 ? '1' : '0')).join(',');
  expect(near(await merged('--block-weights', middle), -1)).toBe(true);
  const others = Array.from({ length: 26 }, (_, i) => (i === 13 ? '0' : '1')).join(',');
  expect(near(await merged('--block-weights', others), 1)).toBe(true);
});

it('keeps what says how the weights of the first are read', async () => {
  const [a, to] = [join(folder, 'small.safetensors'), join(folder, 'small-twice.safetensors')];
  writeFileSync(a, Buffer.concat(smallestModel()));
  expect(await cli('merge', a, a, '--to', to)).toMatchObject({ code: 0 });
  const metadataOf = async (file: string) => (await openTensorFile(nodeModelFiles, file)).metadata;
  const config = (await metadataOf(a))[embeddedConfigKey];
  expect(config).toContain('"sampleSize":32');
  expect((await metadataOf(to))[embeddedConfigKey]).toBe(config);
});

it.each([
  [[fixture('upscalers/srvgg_x4.safetensors')], 'no weights of the same name'],
  [[tinyModel, '--block-weights', '1,2,3'], '26 numbers'],
  [[tinyModel, '--multiplier', 'half'], '--multiplier must be a number'],
])('says what is wrong with %j and leaves nothing', async (args, words) => {
  const to = join(folder, 'none.safetensors');
  const { code, stderr } = await cli('merge', tinyModel, ...args, '--to', to);
  expect([code === 0, existsSync(to)]).toEqual([false, false]);
  expect(stderr).toContain(words);
});
