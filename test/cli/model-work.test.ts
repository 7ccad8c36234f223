/** `darkroom convert`, baking and extraction on tiny models: what comes out is loaded or compared number by number. */

import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { readWeight } from '#models/adapters/read-weight';
import { loadCheckpoint } from '#models/load';
import { openTensorFile } from '#models/tensor-file';
import { nodeModelFiles } from '#studio/files/model-files';
import { cli, fixture, tinyModel } from './run-cli.ts';

const folder = mkdtempSync(join(tmpdir(), 'darkroom-model-work-'));
afterAll(() => rmSync(folder, { recursive: true }));

const load = async (file: string) => await loadCheckpoint(nodeModelFiles, file, { partial: true });

async function parameter(file: string, name: string): Promise<Float32Array> {
  return (await readWeight(nodeModelFiles, (await load(file)).weights.get(name)!)).data;
}

/** What kohya's LoRAs change. */
const changedByLoras = /\.(attentions|resnets|layers)\..*(?<!norm\d?)\.weight$/;

const largest = (values: Float32Array): number => values.reduce((most, v) => Math.max(most, Math.abs(v)), 0);

it('converts by the target’s ending, and says what it cannot', async () => {
  const gguf = join(folder, 'tiny.gguf');
  const made = await cli('convert', tinyModel, gguf, '--json');
  expect([made.code, JSON.parse(made.stdout)]).toEqual([
    0,
    { file: gguf, bytes: expect.any(Number), notes: expect.arrayContaining([]) },
  ]);
  const back = join(folder, 'diffusers');
  expect((await cli('convert', gguf, back, '--dtype', 'f32')).stdout).toBe(back);
  expect((await load(back)).components.toSorted()).toEqual(['text_encoder', 'unet', 'vae']);
  const refused = async (...args: string[]) => (await cli('convert', tinyModel, ...args)).stderr;
  expect(await refused(gguf)).toContain('is there already; give another name or --force');
  expect(await refused(join(folder, 'x.gguf'), '--dtype', 'fp8')).toContain('gguf does not hold fp8');
  expect(await refused(join(folder, 'x.ckpt'))).toContain('is no ending that a model is written with');
  expect(await refused(tinyModel, '--force')).toContain('is not written over itself');
  expect(existsSync(join(folder, 'x.gguf'))).toBe(false);
});

it('bakes a LoRA into a checkpoint and takes it out of the difference again', async () => {
  mkdirSync(join(folder, 'loras'));
  await copyFile(fixture('adapters/locon.safetensors'), join(folder, 'loras', 'style.safetensors'));
  const baked = join(folder, 'baked.safetensors');
  const merged = await cli('merge', tinyModel, '--lora', 'style:0.5', '--models-dir', folder, '--to', baked, '--json');
  expect([merged.code, JSON.parse(merged.stdout).merged > 0]).toEqual([0, true]);
  const { metadata } = await openTensorFile(nodeModelFiles, baked);
  expect(JSON.parse(metadata.sd_merge_recipe!)).toMatchObject({ loras: ['style:0.5'] });

  const extracted = join(folder, 'loras', 'again.safetensors');
  const args = ['--rank', '64', '--conv-rank', '64', '--full', '--to', extracted];
  const { code, stderr } = await cli('extract', baked, tinyModel, ...args);
  expect([code, stderr]).toEqual([
    0,
    expect.stringContaining('layers differ; the LoRA holds 100.0% of their difference'),
  ]);
  const twice = join(folder, 'twice.safetensors');
  await cli('merge', tinyModel, '--lora', 'again', '--models-dir', folder, '--to', twice);
  const { family, config, weights } = await load(baked);
  let changed = 0;
  for (const { name } of family.parameters(config).filter((each) => changedByLoras.test(each.name))) {
    const [want, own] = [(await readWeight(nodeModelFiles, weights.get(name)!)).data, await parameter(tinyModel, name)];
    const change = largest(want.map((v, i) => v - own[i]!));
    if (change === 0) continue;
    changed++;
    const got = await parameter(twice, name);
    expect(largest(got.map((v, i) => v - want[i]!)), name).toBeLessThan(1e-5 + 1e-3 * change);
  }
  expect(changed).toBeGreaterThan(5);
});

it.each([
  [['merge', tinyModel], 'One checkpoint alone makes nothing new'],
  [['merge', tinyModel, '--lora', 'gone'], 'there is no LoRA "gone"'],
  [['merge', tinyModel, tinyModel, '--discard', '('], '--discard must be a regular expression'],
  [['extract', tinyModel, tinyModel], 'the same in every layer'],
  [['extract', tinyModel, fixture('tiny-sd2/tiny-sd2.safetensors')], 'two models of one family'],
])('says what is wrong with %j and leaves nothing', async (args, words) => {
  const to = join(folder, 'none.safetensors');
  const { code, stderr } = await cli(...args, '--to', to);
  expect([code === 0, existsSync(to)]).toEqual([false, false]);
  expect(stderr).toContain(words);
});
