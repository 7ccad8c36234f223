/** Models of one's own: from a folder to a file that the pipeline opens, and an autoencoder that goes on learning. */

import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createOrtNodeBackend } from '#backends/ort-node/cpu';
import { loadCheckpoint } from '#models/load';
import { type TrainingConfig, trainingConfigSchema } from '#training/config';
import { nodeModelFiles } from '../../files/model-files.ts';
import { draw } from '../methods/drawing.ts';
import { configuredTraining } from '../prepare.ts';
import { runTraining } from '../runner.ts';

const backend = createOrtNodeBackend({ device: 'cpu', threads: 1 });
const root = mkdtempSync(join(tmpdir(), 'darkroom-own-'));
const pictures = join(root, 'pictures');
const base = resolve('test/goldens/data/models/tiny-sd1/tiny-sd1.safetensors');

beforeAll(async () => {
  for (const [folder, background] of [
    ['5_red wall', '#e01010'],
    ['5_wine wall', '#901010'],
  ] as const) {
    mkdirSync(join(pictures, folder), { recursive: true });
    for (let i = 0; i < 2; i++) {
      const picture = sharp({ create: { width: 70 + 9 * i, height: 64, channels: 3, background } });
      await picture.png().toFile(join(pictures, folder, `${i}.png`));
    }
  }
});
afterAll(async () => {
  await backend.dispose();
  rmSync(root, { recursive: true, force: true });
});

async function train(settings: object): Promise<{ run: string; losses: number[]; heldOut: number[] }> {
  const config: TrainingConfig = trainingConfigSchema.parse({
    train_data_dir: pictures,
    resolution: '64',
    train_batch_size: 4,
    threads: 1,
    run: join(root, (settings as { output_name: string }).output_name),
    ...settings,
  });
  await runTraining(config, configuredTraining, { backend, root, log: () => {}, warn: () => {}, install: false });
  const rows = readFileSync(join(config.run, 'metrics.jsonl'), 'utf8').split('\n').filter(Boolean);
  const values = (name: string): number[] =>
    rows.flatMap((row) => (JSON.parse(row) as Record<string, number>)[name] ?? []);
  return { run: config.run, losses: values('loss'), heldOut: values('heldOut') };
}

/** Means of red and of blue. */
function colours({ data }: { readonly data: ArrayLike<number> }): [red: number, blue: number] {
  const mean = (channel: number): number => {
    let sum = 0;
    for (let i = channel; i < data.length; i += 3) sum += data[i]!;
    return (3 * sum) / data.length;
  };
  return [mean(0), mean(2)];
}

/** By a fifth at least, from the first fifteen steps to the last. */
function expectFallen(losses: readonly number[]): void {
  const mean = (some: readonly number[]): number => some.reduce((a, b) => a + b, 0) / some.length;
  expect(mean(losses.slice(-15))).toBeLessThan(0.8 * mean(losses.slice(0, 15)));
}

function drawnBy(model: string, usual: { steps: number; cfgScale: number }, ...prompts: string[]) {
  const options = { backend, model, vae: undefined, roots: [], size: { width: 64, height: 64 }, usual };
  return draw(
    options,
    prompts.map((prompt) => ({ prompt, seed: 1 })),
  );
}

describe('a model of one’s own', { timeout: 300_000 }, () => {
  it('draws pixels by the classes that folders name', async () => {
    const { run, losses } = await train({
      task: 'scratch',
      kind: 'class',
      output_name: 'walls',
      model_channels: 8,
      max_train_steps: 80,
      train_batch_size: 2,
      learning_rate: 0.01,
      effect_report: false,
    });
    expectFallen(losses);
    const model = join(run, 'models/checkpoints/walls.safetensors');
    const { family, parts } = await loadCheckpoint(nodeModelFiles, model);
    expect([family.id, parts.textEncoders[0]!.tokenizer().encode('A wine_wall, a red wall')]).toEqual([
      'pixel',
      [3, 2],
    ]);
    const drawn = await drawnBy(model, { steps: 6, cfgScale: 2 }, 'a red wall', 'a wine wall');
    for (const picture of drawn) expect(colours(picture)[0] - colours(picture)[1]).toBeGreaterThan(40);
    expect(drawn[0]!.data).not.toEqual(drawn[1]!.data);
    await expect(
      train({ task: 'scratch', kind: 'class', output_name: 'one', train_data_dir: join(pictures, '5_red wall') }),
    ).rejects.toThrow(/there is no folder in .*put pictures into a folder for each class/);
  });

  it('trains its own autoencoder first for text to picture', async () => {
    const { run, losses } = await train({
      task: 'scratch',
      kind: 'latent',
      output_name: 'latents',
      model_channels: 8,
      max_train_steps: 48,
      vae_train_steps: 12,
      train_batch_size: 2,
      learning_rate: 0.004,
      sample_prompts: ['a red wall --s 4 --l 1'],
    });
    expectFallen(losses);
    expect(existsSync(join(run, 'report/pictures.png'))).toBe(true);
    const model = join(run, 'models/checkpoints/latents.safetensors');
    const { family, weights } = await loadCheckpoint(nodeModelFiles, model);
    expect([family.id, weights.get('vae.decoder.conv_in.weight')?.kind]).toEqual(['sd1', 'file']);
    for (const picture of await drawnBy(model, { steps: 4, cfgScale: 1 }, 'a red wall'))
      expect(colours(picture)[0] - colours(picture)[1]).toBeGreaterThan(40);
  });

  it('goes on with the decoder of a model, which other models can be given', async () => {
    const { run, heldOut } = await train({
      task: 'vae',
      output_name: 'sharper',
      pretrained_model_name_or_path: base,
      validation_split: 0.5,
      max_train_steps: 12,
      validate_every_n_steps: 12,
      learning_rate: 0.003,
      train_batch_size: 2,
      save_precision: 'float',
    });
    expect(heldOut[1]).toBeLessThan(heldOut[0]!);
    const report = JSON.parse(readFileSync(join(run, 'report/report.json'), 'utf8'));
    expect(report.after).toBeLessThan(report.before);
    const vae = join(run, 'models/vae/sharper.safetensors');
    const [own, given] = [
      await loadCheckpoint(nodeModelFiles, base),
      await loadCheckpoint(nodeModelFiles, base, { vae }),
    ];
    const name = 'vae.encoder.conv_in.weight';
    expect([own.weights.get(name), given.weights.get(name)]).toMatchObject([{ path: base }, { path: vae }]);
  });
});
