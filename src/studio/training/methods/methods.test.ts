/** Each method on a tiny model: what is held out gets better, and what is written acts in the pipeline. */

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

const backend = createOrtNodeBackend({ device: 'cpu', threads: 1 });
const root = mkdtempSync(join(tmpdir(), 'darkroom-methods-'));
const pictures = join(root, 'pictures');
const base = resolve('test/goldens/data/models/tiny-sd1/tiny-sd1.safetensors');

beforeAll(async () => {
  mkdirSync(pictures);
  for (const [i, background] of ['red', 'green', 'blue', 'orange'].entries()) {
    const picture = sharp({ create: { width: 64 + 8 * i, height: 70, channels: 3, background } });
    await picture.png().toFile(join(pictures, `${i}.png`));
    writeFileSync(join(pictures, `${i}.txt`), `a ${background} wall`);
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
    max_train_steps: 24,
    train_batch_size: 2,
    validation_split: 0.5,
    validate_every_n_steps: 24,
    effect_report: false,
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

describe('training', { timeout: 300_000 }, () => {
  it('a LoRA makes what is held out better, proves its effect, and goes on only with what fits its state', async () => {
    const lora = {
      task: 'lora',
      output_name: 'walls',
      learning_rate: 0.02,
      effect_report: true,
      sample_prompts: ['a wall --s 2'],
    };
    const { folder, heldOut } = await train(lora);
    expect(heldOut).toHaveLength(2);
    expect(heldOut[1]).toBeLessThan(heldOut[0]!);
    const report = JSON.parse(readFileSync(join(folder, 'report/report.json'), 'utf8'));
    expect(report.differences[0][2]).toBeGreaterThan(0.25);
    expect(existsSync(join(folder, 'report/pictures.png'))).toBe(true);
    const file = await nodeModelFiles.source(join(folder, 'models/loras/walls.safetensors'));
    const { metadata, tensors } = await readSafetensorsHeader(file);
    expect(metadata).toMatchObject({ ss_network_module: 'networks.lora', ss_network_dim: '16', ss_steps: '24' });
    expect(JSON.parse(metadata.ss_tag_frequency!).pictures['a red wall']).toBe(1);
    expect(tensors.has('lora_te_text_model_encoder_layers_0_self_attn_q_proj.alpha')).toBe(true);
    await expect(train({ ...lora, network_dim: 4 })).rejects.toThrow(/state does not fit: network_dim from 16 to 4/);
    await expect(
      train({ ...lora, network_train_unet_only: true, network_train_text_encoder_only: true }),
    ).rejects.toThrow(/network_train_unet_only from false to true/);
  });

  it('that changes nothing ends as failed', async () => {
    const nothing = {
      task: 'lora',
      output_name: 'nothing',
      learning_rate: 1e-30,
      max_train_steps: 1,
      network_train_unet_only: true,
      sample_prompts: ['a wall --s 2'],
      effect_report: true,
    };
    await expect(train(nothing)).rejects.toMatchObject({ code: 'training.no-effect' });
  });

  it('a textual inversion changes its vectors alone', async () => {
    const settings = {
      task: 'ti',
      output_name: 'wallish',
      init_word: 'wall',
      num_vectors_per_token: 2,
      learning_rate: 0.05,
    };
    const { folder, heldOut } = await train(settings);
    expect(heldOut[1]).toBeLessThan(heldOut[0]!);
    const file = await nodeModelFiles.source(join(folder, 'models/embeddings/wallish.safetensors'));
    const { tensors } = await readSafetensorsHeader(file);
    expect([...tensors].map(([name, { shape }]) => [name, [...shape]])).toEqual([['emb_params', [2, 16]]]);
  });

  it('a hypernetwork is a file that the pipeline reads, with its structure', async () => {
    const settings = {
      task: 'hypernet',
      output_name: 'hyper',
      learning_rate: 0.01,
      layer_structure: [1, 2, 1],
      activation_func: 'mish',
      add_layer_norm: true,
      effect_report: true,
      sample_prompts: ['a wall --s 2'],
    };
    const { folder, heldOut } = await train(settings);
    expect(heldOut[1]).toBeLessThan(heldOut[0]!);
    const report = JSON.parse(readFileSync(join(folder, 'report/report.json'), 'utf8'));
    expect(report.differences[0][2]).toBeGreaterThan(0.25);
  });

  it('Dreambooth draws its class, keeps a whole model in the form of its base, and leaves other weights alone', async () => {
    const settings = {
      task: 'dreambooth',
      output_name: 'booth',
      learning_rate: 1e-3,
      train_batch_size: 1,
      class_prompt: 'a wall',
      num_class_images: 1,
      train_text_encoder: false,
      save_precision: 'float',
    };
    const { folder, heldOut } = await train(settings);
    expect(heldOut[1]).toBeLessThan(heldOut[0]!);
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
});
