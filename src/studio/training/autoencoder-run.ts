/** An autoencoder run: crops of pictures, a grid of reconstructions, published weights. */

import { UserError } from '#core/errors';
import type { HostTensor } from '#core/tensor';
import { vaeFactor } from '#models/vae/config';
import type { AutoencoderConfig } from '#training/config';
import type { TrainingTask } from '#training/loop';
import { autoencoderTask, isEncoderWeight, pixelsToPlanes, tile } from '#training/tasks/autoencoder';
import { keptInMemory, randomPictures, type TrainingPictures } from './captioned-pictures.ts';
import { publishedWeights } from './published.ts';
import type { RunContext } from './run-context.ts';
import { readStart, startingFrom } from './trained-model.ts';
import { openVae } from './vae-sessions.ts';

/** Pictures in the grid of reconstructions, at most. */
const mostShown = 10;

export async function prepareAutoencoder(
  config: AutoencoderConfig,
  given: TrainingPictures,
  context: RunContext,
): Promise<TrainingTask> {
  const { backend, files, log, root } = context;
  checkSizes(config);
  log(`reading ${given.count} pictures`);
  const pictures = await keptInMemory(given);
  const shown = Math.min(mostShown, pictures.count);
  const start = config.startFrom === undefined ? undefined : await readStart(root, config.startFrom);
  const task = autoencoderTask(
    {
      config: config.vae,
      source: randomPictures(pictures),
      batchSize: config.batchSize,
      crop: config.crop,
      klWeight: config.klWeight,
      gradientWeight: config.gradientWeight,
      squareWeight: config.squareWeight,
      robustScale: config.robustScale,
      latentNoise: config.latentNoise,
      frozenEncoder: config.decoderOnly ? encoderOf(start) : undefined,
    },
    {
      async sample(weights) {
        const vae = await openVae(backend, config.vae, weights, config.size);
        const planes = pixelsToPlanes(await pictures.read([...Array(shown).keys()]), shown, config.size);
        const decoded = await vae.decode(await vae.encode(planes, shown), shown);
        await vae.dispose();
        const both = new Float32Array([...planes, ...decoded]);
        return tile(both, 2 * shown, config.size, shown);
      },
      publish: (weights) => files.writeTensors(publishedWeights, weights),
    },
  );
  return start ? startingFrom(task, start) : task;
}

function encoderOf(start: ReadonlyMap<string, HostTensor> | undefined): ReadonlyMap<string, HostTensor> {
  if (!start) {
    throw new UserError('training.start', 'decoderOnly keeps a trained encoder: name its run or model in startFrom');
  }
  return new Map([...start].filter(([name]) => isEncoderWeight(name)));
}

function checkSizes({ vae, crop, size }: AutoencoderConfig): void {
  const factor = vaeFactor(vae);
  if (crop <= size && crop % factor === 0 && size % factor === 0) return;
  throw new UserError(
    'training.size',
    `crop is ${crop} and size ${size}; expected multiples of ${factor}, one cell of the latent, and a crop no larger than the size`,
  );
}
