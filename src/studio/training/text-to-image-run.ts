/** A text-to-image run: cached latents, captions drawn anew each time, a grid of samples, the model as one file. */

import path from 'node:path';
import { UserError } from '#core/errors';
import { f32, type HostTensor } from '#core/tensor';
import { alphasCumprod, scaledLinearBetas } from '#diffusion/noise-table';
import { textEncoderScope } from '#models/clip/network';
import type { Sd1Config } from '#models/sd1/config';
import { stableDiffusionSchedule } from '#models/training-noise';
import type { VaeConfig } from '#models/vae/config';
import { vaeScope } from '#models/vae/network';
import { captionOf } from '#scenes/caption';
import type { Scene } from '#scenes/scene';
import { configuredWeighting, type TextToImageConfig, trainingConfigSchema } from '#training/config';
import type { TrainingTask, Weights } from '#training/loop';
import { type LatentSource, textToImageTask } from '#training/tasks/text-to-image';
import { compactTable, widenTable } from '#training/vocabulary';
import { startingFrom } from './autoencoder-run.ts';
import { captionWindows } from './caption-windows.ts';
import { exportSingleFile } from './export-model.ts';
import { type LatentCache, latentCache } from './latent-cache.ts';
import { publishedModel, publishedWeights } from './published.ts';
import { nodeRunFiles } from './run-files.ts';
import type { RunContext } from './runner.ts';
import { sampleGrid } from './sample-grid.ts';
import { readTensorFile } from './tensor-file.ts';
import { isModelFile, readStart, readTrainedModel } from './trained-model.ts';

const tokenTable = `${textEncoderScope}.text_model.embeddings.token_embedding.weight`;

export async function prepareTextToImage(config: TextToImageConfig, context: RunContext): Promise<TrainingTask> {
  const { backend, files, log, root } = context;
  const autoencoder = await readAutoencoder(path.resolve(root, config.autoencoder));
  const cache = await latentCache({
    backend,
    files,
    config: autoencoder.config,
    weights: autoencoder.weights,
    count: config.scenes,
    size: config.size,
    seed: config.seed,
    log,
  });
  const { windowOf, vocabulary } = captionWindows(config.textEncoder.positions);
  const cells = Math.sqrt(cache.latents.length / (cache.scenes.length * config.unet.inChannels));
  const sd1: Sd1Config = {
    unet: config.unet,
    vae: autoencoder.config,
    textEncoder: config.textEncoder,
    prediction: config.prediction,
    schedule: stableDiffusionSchedule,
    sampleSize: cells,
  };
  const start = await readStarts(config, root, vocabulary);
  const complete = (weights: Weights): Map<string, HostTensor> => completeWeights(weights, cache, vocabulary, sd1);
  const task = textToImageTask(
    {
      textEncoder: config.textEncoder,
      unet: config.unet,
      source: sceneLatents(cache, config, cells, windowOf),
      alphaBars: alphasCumprod(scaledLinearBetas()),
      batchSize: config.batchSize,
      prediction: config.prediction,
      weighting: configuredWeighting(config),
      ...(config.noise ? { noise: config.noise } : {}),
      captionDropout: config.captionDropout,
      emptyIds: windowOf(''),
      vocabulary,
      frozenTextEncoder: config.trainTextEncoder ? undefined : frozenTextEncoder(start),
    },
    {
      sample: (weights) =>
        sampleGrid({ backend, config: sd1, weights: complete(weights), windowOf, size: config.size }),
      publish: (weights, step) =>
        exportSingleFile(path.resolve(root, config.run, publishedModel), sd1, complete(weights), {
          'modelspec.title': 'Darkroom mini',
          'modelspec.architecture': 'stable-diffusion-v1',
          'modelspec.prediction_type': config.prediction,
          'darkroom.steps': String(step),
        }),
    },
  );
  return startingFrom(task, start);
}

/** Weights of every start, later ones over earlier ones, with the compact token table. */
async function readStarts(
  { startFrom = [], textEncoder }: TextToImageConfig,
  root: string,
  vocabulary: Int32Array,
): Promise<Map<string, HostTensor>> {
  const weights = new Map<string, HostTensor>();
  for (const from of [startFrom].flat()) {
    const found = compactVocabulary(await readStart(root, from), vocabulary, textEncoder);
    for (const [name, tensor] of found) weights.set(name, tensor);
  }
  return weights;
}

function frozenTextEncoder(start: ReadonlyMap<string, HostTensor>): Map<string, HostTensor> {
  const weights = new Map([...start].filter(([name]) => name.startsWith(`${textEncoderScope}.`)));
  if (weights.size > 0) return weights;
  throw new UserError(
    'training.text-encoder',
    'trainTextEncoder is false, but nothing in startFrom holds a text encoder; name the run of one (configs/mini-text-encoder.json)',
  );
}

/** An autoencoder's configuration and weights, from the folder of its run or from a whole model's file. */
export async function readAutoencoder(from: string): Promise<{ config: VaeConfig; weights: Map<string, HostTensor> }> {
  if (isModelFile(from)) {
    const { config, weights } = await readTrainedModel(from);
    return { config: config.vae, weights: new Map([...weights].filter(([name]) => name.startsWith(`${vaeScope}.`))) };
  }
  const text = await nodeRunFiles(from).readText('config.json');
  const config = text === undefined ? undefined : trainingConfigSchema.parse(JSON.parse(text));
  if (config?.task !== 'autoencoder') {
    throw new UserError(
      'training.autoencoder',
      `${from} holds no autoencoder run; train one first (configs/mini-vae.json)`,
    );
  }
  return { config: config.vae, weights: await readTensorFile(path.join(from, publishedWeights)) };
}

function sceneLatents(
  { latents, scenes }: LatentCache,
  { unet, textEncoder }: TextToImageConfig,
  cells: number,
  windowOf: (caption: string) => Int32Array,
): LatentSource {
  const item = unet.inChannels * cells * cells;
  return {
    shape: [unet.inChannels, cells, cells],
    draw(random, count) {
      const out = new Float32Array(count * item);
      const ids = new Int32Array(count * textEncoder.positions);
      for (let n = 0; n < count; n++) {
        const index = random.integer(scenes.length);
        out.set(latents.subarray(index * item, (index + 1) * item), n * item);
        ids.set(windowOf(captionOf(scenes[index] as Scene, random)), n * textEncoder.positions);
      }
      return { latents: out, ids };
    },
  };
}

/** Weights whose token table, if it is CLIP's whole one, keeps the rows of `vocabulary` only. */
function compactVocabulary(
  weights: Map<string, HostTensor>,
  vocabulary: Int32Array,
  { vocabSize, width }: TextToImageConfig['textEncoder'],
): Map<string, HostTensor> {
  const table = weights.get(tokenTable)?.data as Float32Array | undefined;
  if (table?.length !== vocabSize * width) return weights;
  return new Map(weights).set(tokenTable, f32([vocabulary.length, width], compactTable(table, vocabulary, width)));
}

/** All three components with the full vocabulary. */
function completeWeights(
  weights: Weights,
  cache: LatentCache,
  vocabulary: Int32Array,
  { textEncoder }: Sd1Config,
): Map<string, HostTensor> {
  const { vocabSize, width } = textEncoder;
  const rows = weights.get(tokenTable)!.data as Float32Array;
  const table = f32([vocabSize, width], widenTable(rows, vocabulary, vocabSize, width));
  return new Map([...cache.vae, ...weights, [tokenTable, table]]);
}
