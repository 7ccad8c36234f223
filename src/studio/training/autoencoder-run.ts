/** An autoencoder run: crops of rendered scenes, a grid of reconstructions, published weights. */

import { UserError } from '#core/errors';
import type { HostTensor } from '#core/tensor';
import type { AutoencoderConfig } from '#training/config';
import type { TrainingTask } from '#training/loop';
import { autoencoderTask, isEncoderWeight, pixelsToPlanes, tile } from '#training/tasks/autoencoder';
import { publishedWeights } from './published.ts';
import type { RunContext } from './runner.ts';
import { gatherPixels, renderScenePool } from './scene-pool.ts';
import { readStart } from './trained-model.ts';
import { openVae } from './vae-sessions.ts';

const poolSize = 6000;
const shown = 10;

export async function prepareAutoencoder(config: AutoencoderConfig, context: RunContext): Promise<TrainingTask> {
  const { backend, files, log, root } = context;
  log(`rendering ${poolSize} scenes`);
  const pool = await renderScenePool({ count: poolSize, seed: config.seed, size: config.size });
  const start = config.startFrom === undefined ? undefined : await readStart(root, config.startFrom);
  const task = autoencoderTask(
    {
      config: config.vae,
      source: {
        size: config.size,
        pictures: async (random, count) =>
          gatherPixels(
            pool,
            Array.from({ length: count }, () => random.integer(pool.count)),
          ),
      },
      batchSize: config.batchSize,
      crop: config.crop,
      klWeight: config.klWeight,
      gradientWeight: config.gradientWeight,
      frozenEncoder: config.decoderOnly ? encoderOf(start) : undefined,
    },
    {
      async sample(weights) {
        const vae = await openVae(backend, config.vae, weights, config.size);
        const planes = pixelsToPlanes(gatherPixels(pool, [...Array(shown).keys()]), shown, config.size);
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

/** The task with first values taken from other weights where they have them. */
export function startingFrom(task: TrainingTask, weights: ReadonlyMap<string, HostTensor>): TrainingTask {
  return {
    ...task,
    initialise: (name, shape, random) =>
      (weights.get(name)?.data as Float32Array | undefined)?.slice() ?? task.initialise(name, shape, random),
  };
}
