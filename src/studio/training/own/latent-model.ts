/**
 * A latent diffusion model that is begun: its autoencoder is trained on the pictures first, in a folder of its own below
 * the run's, and brought to SD 1's scale; its text encoder starts as that of another model, which knows how to read.
 */

import { existsSync } from 'node:fs';
import path from 'node:path';
import { UserError } from '#core/errors';
import type { HostTensor } from '#core/tensor';
import type { ClipTextConfig } from '#models/clip/config';
import { textEncoderScope } from '#models/clip/network';
import { embeddedConfig } from '#models/sd1/embedded';
import { sd1 } from '#models/sd1/family';
import { stableDiffusionSchedule } from '#models/training-noise';
import { type VaeConfig, vaeFactor } from '#models/vae/config';
import { type LoopOptions, train } from '#training/loop';
import { adamW } from '#training/optimizers/adamw';
import { TrainingRandom } from '#training/random';
import { autoencoderTask } from '#training/tasks/autoencoder';
import { findModelFile } from '../../library/open-model.ts';
import { type CaptionedPictures, keptInMemory, randomPictures } from '../captioned-pictures.ts';
import { type Dataset, stampOf } from '../data/dataset.ts';
import { latentCache } from '../latent-cache.ts';
import { readSquare } from '../picture-folder.ts';
import { publishedWeights } from '../published.ts';
import { PreparationStopped, type RunContext } from '../run-context.ts';
import { nodeRunFiles } from '../run-files.ts';
import { memoryWeights } from '../session-weights.ts';
import { readTrainedModel } from '../trained-model.ts';
import { type BegunModel, newModel, type ScratchConfigured, sideOf, unetFor } from './new-models.ts';

const usualSide = 128;

export async function newLatentModel(
  settings: ScratchConfigured,
  dataset: Dataset,
  file: string,
  context: RunContext,
): Promise<BegunModel> {
  const side = sideOf(settings, usualSide, 32);
  const vae = vaeFor(side);
  const text = await textEncoderOf(settings, context);
  const weights = await trainedVae(settings, vae, picturesOf(dataset, side), context);
  const cells = side / vaeFactor(vae);
  const config = {
    unet: unetFor(cells, vae.latentChannels, settings, text.config.width),
    vae,
    textEncoder: text.config,
    prediction: settings.v_parameterization === false ? ('eps' as const) : ('v' as const),
    schedule: { ...stableDiffusionSchedule, zeroTerminalSnr: settings.zero_terminal_snr || undefined },
    sampleSize: cells,
  };
  const model = newModel(sd1, config, embeddedConfig(config), { path: file, weights: memoryWeights(weights) });
  return { model: { ...model, trainedAlready: weights }, starts: text.starts };
}

/** Four pixels to a cell, eight for large pictures. */
function vaeFor(side: number): VaeConfig {
  const isLarge = side >= 256;
  return {
    imageChannels: 3,
    latentChannels: isLarge ? 8 : 4,
    blockChannels: isLarge ? [32, 64, 128, 128] : [32, 64, 128],
    layersPerBlock: 1,
    normGroups: 8,
    midAttention: true,
    quantConv: true,
    postQuantConv: true,
    scalingFactor: 0.18215,
  };
}

function picturesOf({ items }: Dataset, size: number): CaptionedPictures {
  return {
    count: items.length,
    size,
    identity: stampOf(items, size),
    read: async (indices) => Buffer.concat(await Promise.all(indices.map((i) => readSquare(items[i]!.file, size)))),
    caption: (index) => items[index]!.caption ?? '',
    captions: () => items.map(({ caption = '' }) => caption),
    samplePrompts: [],
  };
}

const crop = 64;

/** Weights of the autoencoder in SD 1's scale. @throws PreparationStopped when it is asked to stop before the end */
async function trainedVae(
  settings: ScratchConfigured,
  config: VaeConfig,
  given: CaptionedPictures,
  { backend, root, log, warn, signal, rehearsal }: RunContext,
): Promise<ReadonlyMap<string, HostTensor>> {
  const { vae_train_steps: asked, train_batch_size: batchSize, seed } = settings;
  const steps = rehearsal ? 1 : asked;
  if (steps === 0) throw new UserError('training.vae', 'vae_train_steps is 0; kind latent needs an autoencoder');
  if (rehearsal) warn(`The ${asked} steps of the autoencoder, which come first, are not counted.`);
  const files = nodeRunFiles(path.join(path.resolve(root, settings.run), 'vae'));
  const pictures = await keptInMemory(given);
  const task = autoencoderTask(
    {
      config,
      source: randomPictures(pictures),
      batchSize,
      crop: Math.min(crop, given.size),
      klWeight: 1e-4,
      gradientWeight: 0.5,
    },
    { publish: (weights) => files.writeTensors(publishedWeights, weights) },
  );
  const done = await train(task, rulesOf(settings, steps), {
    backend,
    files,
    random: new TrainingRandom(seed),
    signal,
    report({ step, metrics }) {
      if (step % 50 !== 0 && step !== steps) return;
      log(`autoencoder: step ${step}/${steps}, error of a pixel ${(127.5 * metrics.pixel!).toFixed(1)} of 255`);
    },
  });
  if (done < steps) throw new PreparationStopped();
  const weights = await files.readTensors(publishedWeights);
  const identity = `${settings.output_name} ${steps} ${seed}`;
  const { vae } = await latentCache({
    backend,
    files,
    pictures: given,
    autoencoder: { identity, config, weights, scaled: false },
    log,
  });
  return vae;
}

function rulesOf(settings: ScratchConfigured, steps: number): LoopOptions {
  return {
    steps,
    optimizer: adamW({ betas: [0.9, 0.99] }),
    learningRate: settings.vae_learning_rate,
    schedule: { name: 'cosine', warmupSteps: Math.min(50, Math.max(steps - 1, 0)), totalSteps: steps },
    clipNorm: 1,
    checkpointEvery: settings.save_every_n_steps,
    threads: settings.threads,
    recompute: settings.gradient_checkpointing,
  };
}

interface FirstTextEncoder {
  readonly config: ClipTextConfig;
  readonly starts: ReadonlyMap<string, Float32Array>;
}

const plainEncoder: ClipTextConfig = {
  vocabSize: 49408,
  positions: 77,
  width: 128,
  layers: 3,
  heads: 4,
  mlpWidth: 512,
  activation: 'quickGelu',
};

async function textEncoderOf(
  { text_encoder: name }: ScratchConfigured,
  { root, modelRoots }: RunContext,
): Promise<FirstTextEncoder> {
  if (name === 'none') return { config: plainEncoder, starts: new Map() };
  const here = path.resolve(root, name);
  const { config, weights } = await readTrainedModel(
    existsSync(here) ? here : await findModelFile('model', name, modelRoots),
  );
  const own = [...weights].filter(([parameter]) => parameter.startsWith(`${textEncoderScope}.`));
  return {
    config: config.textEncoder,
    starts: new Map(own.map(([parameter, tensor]) => [parameter, tensor.data as Float32Array])),
  };
}
