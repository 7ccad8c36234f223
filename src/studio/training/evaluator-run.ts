/** An evaluator run: single-object scenes, half of them as the autoencoder gives them back. */

import path from 'node:path';
import { objectKinds, places, times } from '#scenes/catalog';
import type { EvaluatorConfig } from '#training/config';
import type { TrainingTask } from '#training/loop';
import { pixelsToPlanes } from '#training/tasks/autoencoder';
import { type EvaluatorNetwork, evaluatorTask } from '#training/tasks/evaluator';
import { evaluatorNetworkKey } from './evaluate.ts';
import { publishedWeights } from './published.ts';
import type { RunContext } from './runner.ts';
import { gatherPixels, renderScenePool, type ScenePool } from './scene-pool.ts';
import { readAutoencoder } from './text-to-image-run.ts';
import { openVae } from './vae-sessions.ts';

const poolSize = 8000;
/** Scenes that also go through the autoencoder. */
const reconstructed = 3000;

export async function prepareEvaluator(config: EvaluatorConfig, context: RunContext): Promise<TrainingTask> {
  const { files, log } = context;
  log(`rendering ${poolSize} scenes`);
  const pool = await renderScenePool({
    count: poolSize,
    seed: config.seed + 7_000_000,
    size: config.size,
    accept: (scene) => scene.layout === 'single',
  });
  if (config.autoencoder !== undefined)
    await reconstruct(pool, path.resolve(context.root, config.autoencoder), context);
  const network = evaluatorNetwork(config);
  return evaluatorTask(
    network,
    {
      async draw(random, count) {
        const indices = Array.from({ length: count }, () => random.integer(pool.count));
        const labels = indices.map((i) => pool.scenes[i]!.labels);
        return {
          planes: pixelsToPlanes(gatherPixels(pool, indices), count, config.size),
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

export function evaluatorNetwork({ size, channels }: EvaluatorConfig): EvaluatorNetwork {
  return { size, channels, classes: { object: objectKinds.length, place: places.length, time: times.length } };
}

/** Replaces the first pictures of the pool by their reconstructions. */
async function reconstruct(pool: ScenePool, run: string, { backend, log }: RunContext): Promise<void> {
  const { config, weights } = await readAutoencoder(run);
  const vae = await openVae(backend, config, weights, pool.size);
  const batch = 16;
  for (let start = 0; start < reconstructed; start += batch) {
    const indices = Array.from({ length: batch }, (_, i) => start + i);
    const planes = pixelsToPlanes(gatherPixels(pool, indices), batch, pool.size);
    const decoded = await vae.decode(await vae.encode(planes, batch), batch);
    const plane = pool.size * pool.size;
    indices.forEach((index, n) => {
      const target = pool.pixels(index);
      for (let i = 0; i < plane; i++) {
        for (let c = 0; c < 3; c++) {
          const value = (decoded[(n * 3 + c) * plane + i]! + 1) * 127.5;
          target[i * 3 + c] = Math.max(0, Math.min(255, Math.round(value)));
        }
      }
    });
    if (start % 512 === 0) log(`reconstructed ${start} of ${reconstructed} scenes`);
  }
  await vae.dispose();
}
