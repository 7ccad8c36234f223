/** Runs a training configuration on this machine: its files, its options, its progress reports. */

import { existsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import sharp from 'sharp';
import { z } from 'zod';
import { UserError } from '#core/errors';
import type { PixelImage } from '#core/image';
import type { CommonConfig } from '#training/config';
import { configuredDecay, configuredOptimizer } from '#training/configured';
import { type LoopHost, type LoopOptions, type TrainingTask, train } from '#training/loop';
import { TrainingRandom } from '#training/random';
import { type Lock, lockFolder } from '../store/lock.ts';
import type { RunContext } from './run-context.ts';
import { nodeRunFiles } from './run-files.ts';

export interface TrainingHost
  extends Omit<RunContext, 'files'>,
    Pick<LoopHost, 'signal' | 'report' | 'saved' | 'sampled'> {
  /** How long to wait for a run's folder that another process has; its trainer may be at its last step. Default 0. */
  readonly patienceMs?: number;
}

/** @throws UserError for a file that cannot be read or does not fit the schema */
export async function readTrainingConfig<Schema extends z.ZodType>(
  file: string,
  schema: Schema,
): Promise<z.output<Schema>> {
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
  const parsed = schema.safeParse(json);
  if (!parsed.success) {
    throw new UserError('training.config', `${file} is not a training configuration: ${z.prettifyError(parsed.error)}`);
  }
  return parsed.data;
}

/**
 * Trains to the end of the configuration or until the signal; returns the steps done. The backend stays open.
 * @throws UserError `folder.locked` where another process trains in the run's folder
 */
export async function runTraining<Config extends CommonConfig>(
  config: Config,
  prepare: (config: Config, context: RunContext) => Promise<TrainingTask>,
  host: TrainingHost,
): Promise<number> {
  const options = loopOptions(config);
  const { backend, log, warn, root, patienceMs = 0, ...told } = host;
  const folder = path.resolve(root, config.run);
  const isNew = !existsSync(folder);
  const lock = await lockRun(folder, patienceMs);
  let isBegun = false;
  try {
    const files = nodeRunFiles(folder);
    const task = await prepare(config, { backend, files, log, warn, root });
    isBegun = true;
    await files.writeText('config.json', `${JSON.stringify(config, null, 2)}\n`);
    const random = new TrainingRandom(config.seed);
    return await train(task, options, { ...told, backend, files, random, encodePng });
  } finally {
    lock.release();
    if (isNew && !isBegun) await rm(folder, { recursive: true, force: true });
  }
}

const lookMs = 250;

async function lockRun(folder: string, patienceMs: number): Promise<Lock> {
  const until = performance.now() + patienceMs;
  while (true) {
    try {
      return lockFolder(folder);
    } catch (error) {
      if (performance.now() >= until) throw error;
      await delay(lookMs);
    }
  }
}

function loopOptions(config: CommonConfig): LoopOptions {
  return {
    steps: config.steps,
    accumulate: config.accumulate,
    optimizer: configuredOptimizer(config),
    decays: configuredDecay(config),
    learningRate: config.learningRate,
    schedule: { ...config.schedule, totalSteps: config.steps },
    clipNorm: config.clipNorm,
    ema: config.ema,
    checkpointEvery: config.checkpointEvery,
    sampleEvery: config.sampleEvery,
    threads: config.threads,
  };
}

async function encodePng({ data, width, height, channels }: PixelImage): Promise<Uint8Array> {
  return sharp(data, { raw: { width, height, channels } }).png().toBuffer();
}
