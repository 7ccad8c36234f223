/** An evaluator run: single-object scenes, half of them as the autoencoder gives them back. */

import path from 'node:path';
import { publishedWeights } from '#studio/training/published';
import type { RunContext } from '#studio/training/run-context';
import { readAutoencoder } from '#studio/training/text-to-image-run';
import { openVae } from '#studio/training/vae-sessions';
import type { TrainingTask } from '#training/loop';
import { pixelsToPlanes, tile } from '#training/tasks/autoencoder';
import type { EvaluatorConfig } from './config.ts';
import { evaluatorNetworkKey } from './evaluate.ts';
import { scenePictures } from './scene-pictures.ts';
import { objectKinds, places, times } from './scenes/catalog.ts';
import { type EvaluatorNetwork, evaluatorTask } from './tasks/evaluator.ts';

const poolSize = 8000;
/** Scenes that also go through the autoencoder. */
const reconstructed = 3000;

export async function prepareEvaluator(config: EvaluatorConfig, context: RunContext): Promise<TrainingTask> {
  const { files, log, root } = context;
  const { size } = config;
  log(`rendering ${poolSize} scenes`);
  const { scenes, read } = await scenePictures({
    count: poolSize,
    seed: config.seed + 7_000_000,
    size,
    accept: (scene) => scene.layout === 'single',
  });
  const pixels = await read([...scenes.keys()]);
  if (config.autoencoder !== undefined) {
    await reconstruct(pixels, size, path.resolve(root, config.autoencoder), context);
  }
  const item = size * size * 3;
  const network = evaluatorNetwork(config);
  return evaluatorTask(
    network,
    {
      async draw(random, count) {
        const indices = Array.from({ length: count }, () => random.integer(scenes.length));
        const labels = indices.map((i) => scenes[i]!.labels);
        const drawn = Buffer.concat(indices.map((i) => pixels.subarray(i * item, (i + 1) * item)));
        return {
          planes: pixelsToPlanes(drawn, count, size),
          object: Int32Array.from(labels, (l) => l.object),
          place: Int32Array.from(labels, (l) => l.place),
          time: Int32Array.from(labels, (l) => l.time),
        };
      },
    },
    config.batchSize,
    {
      publish: (weights) =>
        files.writeTensors(publishedWeights, weights, { [evaluatorNetworkKey]: JSON.stringify(network) }),
    },
  );
}

function evaluatorNetwork({ size, channels }: EvaluatorConfig): EvaluatorNetwork {
  return { size, channels, classes: { object: objectKinds.length, place: places.length, time: times.length } };
}

/** Replaces the first pictures by their reconstructions. */
async function reconstruct(pixels: Uint8Array, size: number, run: string, { backend, log }: RunContext): Promise<void> {
  const { config, weights } = await readAutoencoder(run);
  const vae = await openVae(backend, config, weights, size);
  const batch = 16;
  const item = size * size * 3;
  for (let start = 0; start < reconstructed; start += batch) {
    const given = pixels.subarray(start * item, (start + batch) * item);
    const decoded = await vae.decode(await vae.encode(pixelsToPlanes(given, batch, size), batch), batch);
    // One below the other, which is the layout of a batch.
    given.set(tile(decoded, batch, size, 1).data);
    if (start % 512 === 0) log(`reconstructed ${start} of ${reconstructed} scenes`);
  }
  await vae.dispose();
}
