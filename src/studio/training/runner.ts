/** Runs a training configuration on this machine: its files, its options, its progress reports. */

import { readFile } from 'node:fs/promises';
import path from 'node:path';
import sharp from 'sharp';
import { z } from 'zod';
import { UserError } from '#core/errors';
import type { PixelImage } from '#core/image';
import { type CommonConfig, configuredDecay, configuredOptimizer } from '#training/config';
import { type LoopOptions, type StepReport, type TrainingTask, train } from '#training/loop';
import { TrainingRandom } from '#training/random';
import type { RunContext } from './run-context.ts';
import { nodeRunFiles } from './run-files.ts';

export interface TrainingHost extends Omit<RunContext, 'files'> {
  readonly report: (report: StepReport) => void;
  readonly signal?: { readonly aborted: boolean };
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

/** Trains to the end of the configuration or until the signal; returns the steps done. The backend stays open. */
export async function runTraining<Config extends CommonConfig>(
  config: Config,
  prepare: (config: Config, context: RunContext) => Promise<TrainingTask>,
  host: TrainingHost,
): Promise<number> {
  const options = loopOptions(config);
  const { backend, log, root, report, signal } = host;
  const files = nodeRunFiles(path.resolve(root, config.run));
  const task = await prepare(config, { backend, files, log, root });
  await files.writeText('config.json', `${JSON.stringify(config, null, 2)}\n`);
  const random = new TrainingRandom(config.seed);
  return await train(task, options, { backend, files, random, encodePng, report, signal });
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
