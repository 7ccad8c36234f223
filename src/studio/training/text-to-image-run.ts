/** A text-to-image run: cached latents, captions drawn anew each time, a grid of samples, the model as one file. */

import path from 'node:path';
import { UserError } from '#core/errors';
import { f32, type HostTensor } from '#core/tensor';
import { alphasCumprod, scaledLinearBetas } from '#diffusion/noise-table';
import { textEncoderScope } from '#models/clip/network';
import { type Sd1Config, sd1Schedule } from '#models/sd1/config';
import type { VaeConfig } from '#models/vae/config';
import { vaeScope } from '#models/vae/network';
import { createClipTokenizer, padWindow, type Tokenizer } from '#prompt/tokenizer';
import { captionOf } from '#scenes/caption';
import { drawScene, type Scene } from '#scenes/scene';
import { configuredWeighting, type TextToImageConfig, trainingConfigSchema } from '#training/config';
import type { TrainingTask, Weights } from '#training/loop';
import { TrainingRandom } from '#training/random';
import { type LatentSource, textToImageTask, widenVocabulary } from '#training/tasks/text-to-image';
import { startingFrom } from './autoencoder-run.ts';
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
  const tokenizer = createClipTokenizer();
  const windowOf = windowCache(tokenizer, config.textEncoder.positions);
  const cells = Math.sqrt(cache.latents.length / (cache.scenes.length * config.unet.inChannels));
  const sd1: Sd1Config = {
    unet: config.unet,
    vae: autoencoder.config,
    textEncoder: config.textEncoder,
    prediction: config.prediction,
    schedule: sd1Schedule,
    sampleSize: cells,
  };
  const vocabulary = usedVocabulary(windowOf);
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
  if (config.startFrom === undefined) return task;
  return startingFrom(task, compactVocabulary(await readStart(root, config.startFrom), vocabulary, config.textEncoder));
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

/** Ids of a caption's window; captions repeat, so they are kept. */
function windowCache(tokenizer: Tokenizer, positions: number): (caption: string) => Int32Array {
  const known = new Map<string, Int32Array>();
  return (caption) => {
    const found =
      known.get(caption) ??
      Int32Array.from(padWindow(tokenizer.encode(caption), tokenizer, tokenizer.endId, positions));
    if (known.size < 200_000) known.set(caption, found);
    return found;
  };
}

/** Every id that captions use, from a sample large enough to meet every phrase many times. */
function usedVocabulary(windowOf: (caption: string) => Int32Array): Int32Array {
  const random = new TrainingRandom(0);
  const ids = new Set<number>(windowOf(''));
  for (let i = 0; i < 60_000; i++) for (const id of windowOf(captionOf(drawScene(random), random))) ids.add(id);
  return Int32Array.from([...ids].sort((a, b) => a - b));
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
  const rows = new Float32Array(vocabulary.length * width);
  vocabulary.forEach((id, row) => {
    rows.set(table.subarray(id * width, (id + 1) * width), row * width);
  });
  return new Map(weights).set(tokenTable, f32([vocabulary.length, width], rows));
}

/** All three components with the full vocabulary. */
function completeWeights(
  weights: Weights,
  cache: LatentCache,
  vocabulary: Int32Array,
  { textEncoder }: Sd1Config,
): Map<string, HostTensor> {
  const table = f32([textEncoder.vocabSize, textEncoder.width], widenVocabulary(weights, vocabulary, textEncoder));
  return new Map([...cache.vae, ...weights, [tokenTable, table]]);
}
