/** Runs a training configuration on this machine: builds its task, its files and its progress reports. */

import { readFile } from 'node:fs/promises';
import path from 'node:path';
import sharp from 'sharp';
import { z } from 'zod';
import { createOrtNodeBackend } from '#backends/ort-node/cpu';
import { UserError } from '#core/errors';
import type { PixelImage } from '#core/image';
import type { Backend } from '#engine/backend';
import { configuredDecay, configuredOptimizer, type TrainingConfig, trainingConfigSchema } from '#training/config';
import { type LoopOptions, type StepReport, type TrainingTask, train } from '#training/loop';
import { TrainingRandom } from '#training/random';
import type { RunFiles } from '#training/run-directory';
import { prepareAutoencoder } from './autoencoder-run.ts';
import { prepareEvaluator } from './evaluator-run.ts';
import { nodeRunFiles } from './run-files.ts';
import { prepareTextEncoder } from './text-encoder-run.ts';
import { prepareTextToImage } from './text-to-image-run.ts';

export interface TrainingHost {
  readonly log: (message: string) => void;
  readonly report: (report: StepReport) => void;
  readonly signal?: { readonly aborted: boolean };
}

/** What a run's preparation may use. */
export interface RunContext {
  readonly backend: Backend;
  readonly files: RunFiles;
  readonly log: (message: string) => void;
  /** Folder that paths in the configuration are relative to. */
  readonly root: string;
}

export async function readTrainingConfig(file: string): Promise<TrainingConfig> {
  let json: unknown;
  try {
    json = JSON.parse(await readFile(file, 'utf8'));
  } catch (cause) {
    throw new UserError(
      'training.config',
      `cannot read the training configuration ${file}: ${(cause as Error).message}`,
      { cause },
    );
  }
  const parsed = trainingConfigSchema.safeParse(json);
  if (!parsed.success) {
    throw new UserError('training.config', `${file} is not a training configuration: ${z.prettifyError(parsed.error)}`);
  }
  return parsed.data;
}

/** Trains to the end of the configuration or until the signal; returns the steps done. */
export async function runTraining(config: TrainingConfig, root: string, host: TrainingHost): Promise<number> {
  const options = loopOptions(config);
  const files = nodeRunFiles(path.resolve(root, config.run));
  const backend = createOrtNodeBackend({
    device: config.backend,
    ...(config.threads === undefined ? {} : { threads: config.threads }),
  });
  const context: RunContext = { backend, files, log: host.log, root };
  try {
    await files.writeText('config.json', `${JSON.stringify(config, null, 2)}\n`);
    const task = await prepare(config, context);
    return await train(task, options, {
      backend,
      files,
      random: new TrainingRandom(config.seed),
      encodePng,
      report: host.report,
      ...(host.signal ? { signal: host.signal } : {}),
    });
  } finally {
    await backend.dispose();
  }
}

function prepare(config: TrainingConfig, context: RunContext): Promise<TrainingTask> {
  switch (config.task) {
    case 'autoencoder':
      return prepareAutoencoder(config, context);
    case 'text-encoder':
      return Promise.resolve(prepareTextEncoder(config, context));
    case 'text-to-image':
      return prepareTextToImage(config, context);
    case 'evaluator':
      return prepareEvaluator(config, context);
  }
}

function loopOptions(config: TrainingConfig): LoopOptions {
  const { name, warmupSteps, ...rest } = config.schedule;
  const given = Object.fromEntries(Object.entries(rest).filter(([, v]) => v !== undefined));
  return {
    steps: config.steps,
    accumulate: config.accumulate,
    optimizer: configuredOptimizer(config),
    decays: configuredDecay(config),
    learningRate: config.learningRate,
    schedule: { name, warmupSteps, totalSteps: config.steps, ...given },
    clipNorm: config.clipNorm,
    ...(config.ema ? { ema: config.ema } : {}),
    checkpointEvery: config.checkpointEvery,
    sampleEvery: config.sampleEvery,
    ...(config.threads === undefined ? {} : { threads: config.threads }),
  };
}

async function encodePng({ data, width, height, channels }: PixelImage): Promise<Uint8Array> {
  return sharp(data, { raw: { width, height, channels } }).png().toBuffer();
}
