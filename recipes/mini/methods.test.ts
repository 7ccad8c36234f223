/**
 * Methods that teach the embedded model a word that it does not know, from eight pictures; then the evaluator network,
 * which has seen neither the word nor the training, names what the word draws. It also judges a decoder that is mended.
 */

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createOrtNodeBackend } from '#backends/ort-node/cpu';
import { f32, toF32 } from '#core/tensor';
import type { Session } from '#engine/backend';
import { generateSchema } from '#pipelines/request';
import { exportSingleFile } from '#studio/training/export-model';
import { configuredTraining } from '#studio/training/prepare';
import { runTraining } from '#studio/training/runner';
import { memoryWeights } from '#studio/training/session-weights';
import { readTrainedModel } from '#studio/training/trained-model';
import { trainingConfigSchema } from '#training/config';
import { pixelsToPlanes } from '#training/tasks/autoencoder';
import { createEngine } from '../../src/engine-main.ts';
import { labelsOfLogits, readEvaluator } from './evaluate.ts';
import { objectKinds, placePhrases, places, timePhrases, times } from './scenes/catalog.ts';
import { type CaptionedScene, renderScene, sceneAt } from './scenes/dataset.ts';
import { createSceneRenderer } from './scenes/render.ts';
import { evaluatorGraph } from './tasks/evaluator.ts';

const size = 128;
const seed = 78;
const word = 'zorble';
const taught = 'whale';

const root = mkdtempSync(join(tmpdir(), 'darkroom-word-'));
const pictures = join(root, 'pictures');
const others = join(root, 'others');
const models = join(root, 'models');
const base = resolve('models/darkroom-mini.safetensors');
const backend = createOrtNodeBackend({ device: 'cpu', threads: 1 });
const engine = createEngine({ device: 'cpu', modelRoots: [models], options: { threads: 1 } });
let judge: Session;

beforeAll(async () => {
  const isOne = ({ scene: { layout, object } }: CaptionedScene): boolean =>
    layout === 'single' && objectKinds[object]!.name === taught;
  const scenes = Array.from({ length: 2000 }, (_, index) => sceneAt(seed, index));
  await writePictures(pictures, scenes.filter(isOne).slice(0, 8));
  await writePictures(others, scenes.slice(0, 24));
  const { network, weights } = await readEvaluator(resolve('recipes/mini/evaluator.safetensors'));
  judge = await backend.compile(evaluatorGraph(network, 1), { weights: memoryWeights(weights) });
}, 60_000);
afterAll(async () => {
  await engine.dispose();
  await judge.dispose();
  await backend.dispose();
  rmSync(root, { recursive: true, force: true });
});

async function writePictures(folder: string, scenes: readonly CaptionedScene[]): Promise<void> {
  mkdirSync(folder);
  const renderer = await createSceneRenderer(size);
  for (const [n, scene] of scenes.entries()) {
    const raw = { width: size, height: size, channels: 3 as const };
    await sharp(Buffer.from(renderScene(renderer, seed, scene)), { raw })
      .png()
      .toFile(join(folder, `${n}.png`));
    const { place, time } = scene.scene;
    writeFileSync(join(folder, `${n}.txt`), `a ${word} ${placePhrases[place][0]} ${timePhrases[time][0]}`);
  }
}

/** Trains, and holds the loss to having fallen: the mean of the last third of the steps against that of the first. */
async function train(settings: Readonly<Record<string, unknown>> & { readonly output_name: string }): Promise<void> {
  const run = join(root, settings.output_name);
  const config = trainingConfigSchema.parse({
    pretrained_model_name_or_path: base,
    train_data_dir: pictures,
    train_batch_size: 2,
    lr_scheduler: 'constant',
    seed: 1,
    threads: 1,
    ...(settings.task !== 'vae' && { sample_prompts: [`a ${word} --s 2 --l 1`] }),
    run,
    ...settings,
  });
  const nothing = (): void => {};
  await runTraining(config, configuredTraining, { backend, root, log: nothing, warn: nothing, modelRoots: [models] });
  const rows = readFileSync(join(run, 'metrics.jsonl'), 'utf8').trim().split('\n');
  const losses = rows.map((row) => (JSON.parse(row) as { loss: number }).loss);
  const third = Math.floor(losses.length / 3);
  expect(meanOf(losses.slice(-third))).toBeLessThan(meanOf(losses.slice(0, third)));
}

const meanOf = (values: readonly number[]): number => values.reduce((sum, v) => sum + v, 0) / values.length;

/** A picture of few steps, as the evaluator sees it: its classes, and its logits of each. */
async function judged(request: { prompt: string; model: string; vae?: string | undefined }) {
  const asked = generateSchema.parse({ ...request, steps: 8, cfgScale: 3, seed: 1, width: size, height: size });
  for await (const event of engine.generate(asked)) {
    if (event.type !== 'image') continue;
    const logits = await judge.run({ image: f32([1, 3, size, size], pixelsToPlanes(event.image.data, 1, size)) });
    return { seen: labelsOfLogits(logits), logits };
  }
  throw new Error('no picture came');
}

/** How sure the evaluator, which knows 65 kinds of objects, is of what was taught: 0 to 1, the mean of four pictures. */
async function belief(extra = '', model = base): Promise<number> {
  const around = ['in the mountains at night', 'at sea at sunset', 'in the snow at sunset', 'in a meadow by day'];
  const seen: number[] = [];
  for (const where of around) {
    const { logits } = await judged({ prompt: `a ${word} ${where}${extra}`, model });
    const weights = Array.from(logits.object!.data as Float32Array, Math.exp);
    const index = objectKinds.findIndex(({ name }) => name === taught);
    seen.push(weights[index]! / weights.reduce((sum, weight) => sum + weight, 0));
  }
  return meanOf(seen);
}

describe('a word that the embedded model does not know', { timeout: 300_000 }, () => {
  it('draws something else', async () => {
    expect(await belief()).toBeLessThan(0.005);
  });

  it('is taught by a LoRA', async () => {
    await train({ task: 'lora', output_name: 'adapter', learning_rate: 0.003, max_train_steps: 30 });
    expect(await belief(' <lora:adapter:1>')).toBeGreaterThan(0.5);
  });

  it('is taught by a hypernetwork', async () => {
    await train({
      task: 'hypernet',
      output_name: 'networks',
      learning_rate: 3e-4,
      train_batch_size: 4,
      max_train_steps: 80,
    });
    expect(await belief(' <hypernet:networks:1>')).toBeGreaterThan(0.5);
  });

  it.each([
    ['finetune', { train_batch_size: 4, max_train_steps: 40 }],
    ['dreambooth', { max_train_steps: 60, class_prompt: 'a fish', num_class_images: 2, prior_loss_weight: 0.3 }],
  ])('is taught by %s to a whole model', async (task, settings) => {
    await train({ task, output_name: task, learning_rate: 1e-4, ...settings });
    // A whole model learns more slowly, at a rate at which it does not fall apart.
    expect(await belief('', join(models, `checkpoints/${task}.safetensors`))).toBeGreaterThan(0.05);
  });

  it('is taught by a textual inversion', async () => {
    await train({
      task: 'ti',
      output_name: word,
      init_word: 'fish',
      num_vectors_per_token: 4,
      learning_rate: 0.04,
      max_train_steps: 80,
    });
    expect(await belief()).toBeGreaterThan(0.5);
  });
});

/** Labels of the evaluator that are as asked, of twelve: object, place and time of four pictures. */
async function rightLabels(model: string, vae?: string): Promise<number> {
  const asked = [
    ['fox', 'snow', 'day'],
    ['boat', 'sea', 'night'],
    ['apple', 'meadow', 'day'],
    ['whale', 'beach', 'day'],
  ] as const;
  let right = 0;
  for (const [object, place, time] of asked) {
    const prompt = `a ${object} ${placePhrases[place][0]} ${timePhrases[time][0]}`;
    const { seen } = await judged({ prompt, model, vae });
    right += Number(objectKinds[seen.object]!.name === object);
    right += Number(places[seen.place] === place) + Number(times[seen.time] === time);
  }
  return right;
}

it('a decoder that takes red for blue is mended by vae', { timeout: 300_000 }, async () => {
  const { config, weights } = await readTrainedModel(base);
  const swapped = new Map(
    [...weights].map(([name, tensor]) => [
      name,
      name.startsWith('vae.decoder.conv_out.') ? f32(tensor.shape, withoutOrder(toF32(tensor))) : tensor,
    ]),
  );
  const damaged = join(models, 'checkpoints', 'damaged.safetensors');
  mkdirSync(join(models, 'checkpoints'), { recursive: true });
  await exportSingleFile(damaged, config, swapped, {});
  const before = await rightLabels(damaged);
  await train({
    task: 'vae',
    output_name: 'colours',
    pretrained_model_name_or_path: damaged,
    train_data_dir: others,
    learning_rate: 3e-3,
    lr_scheduler: 'cosine',
    max_train_steps: 120,
  });
  const after = await rightLabels(damaged, 'colours');
  // The undamaged model has all twelve; its decoder learnt a thousand times as long.
  expect(before).toBeLessThan(6);
  expect(after).toBeGreaterThan(6);
});

/** Rows of three output channels the other way round. */
function withoutOrder(values: Float32Array): Float32Array {
  const row = values.length / 3;
  return Float32Array.from({ length: values.length }, (_, i) => values[(2 - Math.floor(i / row)) * row + (i % row)]!);
}
