/** A text-to-image run: cached latents, captions drawn anew each time, a grid of samples, the model as one file. */

import { stat } from 'node:fs/promises';
import path from 'node:path';
import { DarkroomError, UserError } from '#core/errors';
import { f32, type HostTensor } from '#core/tensor';
import { alphasCumprod, scaledLinearBetas } from '#diffusion/noise-table';
import { textEncoderScope } from '#models/clip/network';
import { metadataNames } from '#models/family';
import type { Sd1Config } from '#models/sd1/config';
import { sd1 } from '#models/sd1/family';
import { stableDiffusionSchedule } from '#models/training-noise';
import { vaeFactor } from '#models/vae/config';
import { vaeScope } from '#models/vae/network';
import { minSide } from '#pipelines/request';
import { autoencoderSchema, type TextToImageConfig } from '#training/config';
import { configuredWeighting } from '#training/configured';
import type { TrainingTask, Weights } from '#training/loop';
import { type LatentSource, textToImageTask } from '#training/tasks/text-to-image';
import { compactTable, widenTable } from '#training/vocabulary';
import { captionWindows } from './caption-windows.ts';
import type { CaptionedPictures } from './captioned-pictures.ts';
import { exportSingleFile } from './export-model.ts';
import { type LatentCache, latentCache, type TrainedAutoencoder } from './latent-cache.ts';
import { publishedModel, publishedWeights } from './published.ts';
import type { RunContext } from './run-context.ts';
import { nodeRunFiles } from './run-files.ts';
import { sampleGrid } from './sample-grid.ts';
import { readTensorFile } from './tensor-file.ts';
import { isModelFile, readStart, readTrainedModel, startingFrom } from './trained-model.ts';

const tokenTable = `${textEncoderScope}.text_model.embeddings.token_embedding.weight`;

/** `title` is the published model's. */
export async function prepareTextToImage(
  config: TextToImageConfig,
  pictures: CaptionedPictures,
  title: string,
  context: RunContext,
): Promise<TrainingTask> {
  const { backend, files, log, warn, root } = context;
  const autoencoder = await readAutoencoder(path.resolve(root, config.autoencoder));
  const model = modelConfig(config, autoencoder);
  const { windowOf, vocabulary, cut } = captionWindows(config.textEncoder.positions, pictures.captions());
  if (cut > 0) warn(`${cut} captions are longer than the model reads: their ends are cut off`);
  const cache = await latentCache({ backend, files, pictures, autoencoder, log });
  const starts = await readStarts(config, root, vocabulary);
  const complete = (weights: Weights): Map<string, HostTensor> =>
    new Map([...cache.vae, ...weights, [tokenTable, wholeTable(weights, config, vocabulary, starts)]]);
  const { samplePrompts: prompts, size } = pictures;
  const task = textToImageTask(
    {
      textEncoder: config.textEncoder,
      unet: config.unet,
      source: latentSource(cache, pictures, model, windowOf),
      alphaBars: alphasCumprod(scaledLinearBetas()),
      batchSize: config.batchSize,
      prediction: config.prediction,
      weighting: configuredWeighting(config),
      noise: config.noise,
      captionDropout: config.captionDropout,
      emptyIds: windowOf(''),
      vocabulary,
      frozenTextEncoder: config.trainTextEncoder ? undefined : frozenTextEncoder(starts.weights),
    },
    {
      sample: async (weights) =>
        await sampleGrid({ backend, config: model, weights: complete(weights), prompts, size }).catch((error) => {
          if (!(error instanceof DarkroomError)) throw error;
          warn(`no samples this time: ${error.message}`);
          return undefined;
        }),
      publish: (weights, step) =>
        exportSingleFile(path.resolve(root, config.run, publishedModel), model, complete(weights), {
          'modelspec.title': title,
          'modelspec.architecture': metadataNames(sd1).architecture,
          'modelspec.prediction_type': config.prediction,
          'darkroom.steps': String(step),
        }),
    },
  );
  return startingFrom(task, starts.weights);
}

/** The token table with CLIP's whole vocabulary. */
function wholeTable(
  weights: Weights,
  { textEncoder }: TextToImageConfig,
  vocabulary: Int32Array,
  starts: Starts,
): HostTensor {
  const compact = weights.get(tokenTable)!.data as Float32Array;
  const table = widenTable(compact, vocabulary, textEncoder, starts.wholeTable);
  return f32([textEncoder.vocabSize, textEncoder.width], table);
}

function modelConfig(config: TextToImageConfig, autoencoder: TrainedAutoencoder): Sd1Config {
  const { unet, textEncoder, prediction, size } = config;
  const factor = vaeFactor(autoencoder.config);
  const multiple = factor * 2 ** (unet.blockChannels.length - 1);
  if (size % multiple !== 0 || size < minSide) {
    throw new UserError(
      'training.size',
      `size is ${size}; expected a multiple of ${multiple} for this model, of at least ${minSide}`,
    );
  }
  const vae = autoencoder.config;
  return { unet, vae, textEncoder, prediction, schedule: stableDiffusionSchedule, sampleSize: size / factor };
}

interface Starts {
  /** By canonical name, with the compact token table. */
  readonly weights: ReadonlyMap<string, HostTensor>;
  /** The token table with CLIP's whole vocabulary, where a start has it. */
  readonly wholeTable: Float32Array | undefined;
}

/** Weights of every start, later ones over earlier ones. */
async function readStarts(
  { startFrom = [], textEncoder }: TextToImageConfig,
  root: string,
  vocabulary: Int32Array,
): Promise<Starts> {
  const { vocabSize, width } = textEncoder;
  const weights = new Map<string, HostTensor>();
  for (const from of [startFrom].flat()) {
    for (const [name, tensor] of await readStart(root, from)) weights.set(name, tensor);
  }
  const table = weights.get(tokenTable)?.data as Float32Array | undefined;
  if (table?.length !== vocabSize * width) return { weights, wholeTable: undefined };
  weights.set(tokenTable, f32([vocabulary.length, width], compactTable(table, vocabulary, width)));
  return { weights, wholeTable: table };
}

function frozenTextEncoder(start: ReadonlyMap<string, HostTensor>): Map<string, HostTensor> {
  const weights = new Map([...start].filter(([name]) => name.startsWith(`${textEncoderScope}.`)));
  if (weights.size > 0) return weights;
  throw new UserError(
    'training.text-encoder',
    'trainTextEncoder is false, but nothing in startFrom holds a text encoder; name a run or model file that does',
  );
}

/** An autoencoder's configuration and weights, from the folder of its run or from a whole model's file. */
export async function readAutoencoder(from: string): Promise<TrainedAutoencoder> {
  if (isModelFile(from)) {
    const { config, weights } = await readTrainedModel(from);
    const own = new Map([...weights].filter(([name]) => name.startsWith(`${vaeScope}.`)));
    return { identity: await identityOf(from), config: config.vae, weights: own, scaled: true };
  }
  const text = await nodeRunFiles(from).readText('config.json');
  const parsed = text === undefined ? undefined : autoencoderSchema.safeParse(JSON.parse(text));
  if (!parsed?.success) {
    throw new UserError('training.autoencoder', `${from} holds no autoencoder run; train one first`);
  }
  const file = path.join(from, publishedWeights);
  const weights = await readTensorFile(file);
  return { identity: await identityOf(file), config: parsed.data.vae, weights, scaled: false };
}

async function identityOf(file: string): Promise<string> {
  const { size, mtimeMs } = await stat(file);
  return `${file} ${size} ${mtimeMs}`;
}

function latentSource(
  { latents, count }: LatentCache,
  pictures: CaptionedPictures,
  { unet, textEncoder, sampleSize: cells }: Sd1Config,
  windowOf: (caption: string) => Int32Array,
): LatentSource {
  const item = unet.inChannels * cells * cells;
  return {
    shape: [unet.inChannels, cells, cells],
    draw(random, drawn) {
      const out = new Float32Array(drawn * item);
      const ids = new Int32Array(drawn * textEncoder.positions);
      for (let n = 0; n < drawn; n++) {
        const index = random.integer(count);
        out.set(latents.subarray(index * item, (index + 1) * item), n * item);
        ids.set(windowOf(pictures.caption(index, random)), n * textEncoder.positions);
      }
      return { latents: out, ids };
    },
  };
}
