/**
 * Each method on the embedded model: the loss falls, and pictures drawn from what was written are nearer to those that
 * were learnt from than pictures without it, all within some twenty steps.
 */

import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createOrtNodeBackend } from '#backends/ort-node/cpu';
import { readSafetensorsHeader } from '#formats/safetensors';
import { trainingConfigSchema } from '#training/config';
import { nodeModelFiles } from '../../files/model-files.ts';
import { configuredTraining } from '../prepare.ts';
import { runTraining } from '../runner.ts';
import type { EffectReport } from './effect.ts';

const backend = createOrtNodeBackend({ device: 'cpu', threads: 1 });
const root = mkdtempSync(join(tmpdir(), 'darkroom-methods-'));
const pictures = join(root, 'pictures');
const base = resolve('models/darkroom-mini.safetensors');

beforeAll(async () => {
  mkdirSync(pictures);
  for (const [i, background] of ['#c01414', '#d02020', '#b00c0c', '#e02c2c'].entries()) {
    const picture = sharp({ create: { width: 64 + 8 * i, height: 70, channels: 3, background } });
    await picture.png().toFile(join(pictures, `${i}.png`));
    writeFileSync(join(pictures, `${i}.txt`), `a house, ${['dark', 'red', 'deep', 'bright'][i]}`);
  }
});
afterAll(async () => {
  await backend.dispose();
  rmSync(root, { recursive: true, force: true });
});

const said: string[] = [];

async function train(settings: object): Promise<{ folder: string; heldOut: number[] }> {
  const config = trainingConfigSchema.parse({
    pretrained_model_name_or_path: base,
    train_data_dir: pictures,
    resolution: '64',
    max_train_steps: 16,
    train_batch_size: 2,
    validation_split: 0.5,
    validate_every_n_steps: 16,
    sample_prompts: ['a house --s 4 --l 1'],
    threads: 1,
    run: join(root, (settings as { output_name: string }).output_name),
    ...settings,
  });
  const warn = (message: string): number => said.push(message);
  await runTraining(config, configuredTraining, { backend, root, log: () => {}, warn, install: false });
  const folder = config.run;
  const rows = readFileSync(join(folder, 'metrics.jsonl'), 'utf8').split('\n').filter(Boolean);
  return { folder, heldOut: rows.flatMap((row) => (JSON.parse(row) as { heldOut?: number }).heldOut ?? []) };
}

/** Pictures with the result are nearer to those learnt from, by a share that chance does not reach. */
function expectNearer(folder: string, share: number): void {
  const { nearness } = JSON.parse(readFileSync(join(folder, 'report/report.json'), 'utf8')) as EffectReport;
  expect(nearness.at(-1)! / nearness[0]!).toBeLessThan(share);
}

describe('training', { timeout: 300_000 }, () => {
  it('a LoRA makes what is held out better, proves its effect, and goes on only with what fits its state', async () => {
    const lora = {
      task: 'lora',
      output_name: 'walls',
      learning_rate: 0.005,
      lr_scheduler: 'constant',
    };
    const { folder, heldOut } = await train(lora);
    expect(heldOut).toHaveLength(2);
    expect(heldOut[1]).toBeLessThan(heldOut[0]!);
    expectNearer(folder, 0.5);
    expect(existsSync(join(folder, 'report/pictures.png'))).toBe(true);
    const file = await nodeModelFiles.source(join(folder, 'models/loras/walls.safetensors'));
    const { metadata, tensors } = await readSafetensorsHeader(file);
    expect(metadata).toMatchObject({ ss_network_module: 'networks.lora', ss_network_dim: '16', ss_steps: '16' });
    expect(JSON.parse(metadata.ss_tag_frequency!).pictures['a house']).toBe(4);
    expect(tensors.has('lora_te_text_model_encoder_layers_0_self_attn_q_proj.alpha')).toBe(true);
    await expect(train({ ...lora, network_dim: 4 })).rejects.toThrow(/state does not fit: network_dim from 16 to 4/);
    await expect(
      train({ ...lora, network_train_unet_only: true, network_train_text_encoder_only: true }),
    ).rejects.toThrow(/network_train_unet_only from false to true/);
    await expect(train({ task: 'hypernet', output_name: 'walls' })).rejects.toThrow(
      /its task is "lora", not "hypernet". Give this one a name of its own/,
    );
  });

  it('that changes nothing ends as failed', async () => {
    const nothing = {
      task: 'lora',
      output_name: 'nothing',
      learning_rate: 1e-30,
      max_train_steps: 1,
      network_train_unet_only: true,
    };
    await expect(train(nothing)).rejects.toMatchObject({ code: 'training.no-effect' });
  });

  it('a textual inversion changes its vectors alone', async () => {
    const settings = {
      task: 'ti',
      output_name: 'wallish',
      init_word: 'red',
      num_vectors_per_token: 4,
      learning_rate: 0.007,
      max_train_steps: 32,
      validate_every_n_steps: 32,
      sample_prompts: ['a house, wallish --s 4 --l 1', 'wallish --s 4 --l 1'],
    };
    const { folder, heldOut } = await train(settings);
    expect(heldOut[1]).toBeLessThan(heldOut[0]!);
    expectNearer(folder, 0.97);
    const file = await nodeModelFiles.source(join(folder, 'models/embeddings/wallish.safetensors'));
    const { tensors } = await readSafetensorsHeader(file);
    expect([...tensors].map(([name, { shape }]) => [name, [...shape]])).toEqual([['emb_params', [4, 128]]]);
  });

  it('a hypernetwork is a file that the pipeline reads, with its structure', async () => {
    const settings = {
      task: 'hypernet',
      output_name: 'hyper',
      learning_rate: 0.01,
      weight_init: 'XavierNormal',
      layer_structure: [1, 2, 1],
      activation_func: 'mish',
    };
    const { folder, heldOut } = await train(settings);
    expect(heldOut[1]).toBeLessThan(heldOut[0]!);
    expectNearer(folder, 0.6);
  });

  it('Dreambooth draws its class, keeps a whole model in the form of its base, and leaves other weights alone', async () => {
    const settings = {
      task: 'dreambooth',
      output_name: 'booth',
      learning_rate: 2e-3,
      max_train_steps: 10,
      validate_every_n_steps: 10,
      train_batch_size: 1,
      class_prompt: 'a dog',
      num_class_images: 1,
      train_text_encoder: false,
      save_precision: 'float',
    };
    const { folder, heldOut } = await train(settings);
    expect(heldOut[1]).toBeLessThan(heldOut[0]!);
    expectNearer(folder, 0.8);
    expect(existsSync(join(folder, 'class/class-00001.png'))).toBe(true);
    const [before, after] = [base, join(folder, 'models/checkpoints/booth.safetensors')].map((f) => readFileSync(f));
    const source = await nodeModelFiles.source(join(folder, 'models/checkpoints/booth.safetensors'));
    const [old, now] = [
      await readSafetensorsHeader(await nodeModelFiles.source(base)),
      await readSafetensorsHeader(source),
    ];
    expect([...now.tensors.keys()].sort()).toEqual([...old.tensors.keys()].sort());
    const same = [...old.tensors].filter(([name, { offset, byteLength }]) => {
      const other = now.tensors.get(name)!;
      return before!
        .subarray(offset, offset + byteLength)
        .equals(after!.subarray(other.offset, other.offset + byteLength));
    });
    const isVae = (name: string): boolean => name.startsWith('first_stage_model.');
    expect(same.filter(([name]) => isVae(name))).toHaveLength([...old.tensors.keys()].filter(isVae).length);
    expect(same.some(([name]) => name.endsWith('attn2.to_k.weight'))).toBe(false);
  });

  it('fine-tuning makes a whole model that draws what it was shown', async () => {
    const settings = {
      task: 'finetune',
      output_name: 'tuned',
      learning_rate: 2e-3,
      max_train_steps: 10,
      validate_every_n_steps: 10,
    };
    const { folder, heldOut } = await train(settings);
    expect(heldOut[1]).toBeLessThan(heldOut[0]!);
    expectNearer(folder, 0.6);
  });
});
