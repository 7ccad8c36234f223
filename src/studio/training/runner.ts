/** Runs a training configuration on this machine: its files, its options, its progress reports. */

import { appendFileSync, existsSync, mkdirSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import sharp from 'sharp';
import { z } from 'zod';
import { UserError } from '#core/errors';
import type { PixelImage } from '#core/image';
import { eventFileStart, scalarEvent } from '#formats/tensorboard';
import { loopOptions, type RunCommons } from '#training/configured';
import { type LoopHost, type StepReport, type TrainingTask, train } from '#training/loop';
import { TrainingRandom } from '#training/random';
import { diskError } from '../files/disk-error.ts';
import { modelRoots } from '../library/roots.ts';
import { type Lock, lockFolder } from '../store/lock.ts';
import { checkResumed } from './resumed-config.ts';
import { PreparationStopped, type RunContext } from './run-context.ts';
import { nodeRunFiles } from './run-files.ts';

export interface TrainingHost
  extends Omit<RunContext, 'files' | 'install' | 'modelRoots' | 'signal'>,
    Partial<Pick<RunContext, 'install' | 'modelRoots'>>,
    Pick<LoopHost, 'signal' | 'report' | 'saved' | 'sampled'> {
  /** How long to wait for a run's folder that another process has; its trainer may be at its last step. Default 0. */
  readonly patienceMs?: number;
}

/** A kind of configuration, and how a task is made of one. */
export interface TrainingKind<Config> {
  commons(config: Config): RunCommons;
  prepare(config: Config, context: RunContext): Promise<TrainingTask>;
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
export async function runTraining<Config>(
  config: Config,
  { commons: commonsOf, prepare }: TrainingKind<Config>,
  host: TrainingHost,
): Promise<number> {
  const commons = commonsOf(config);
  const options = loopOptions(commons);
  const { patienceMs = 0, signal, report: tell, saved, sampled, ...given } = host;
  const { install = true, modelRoots: roots = modelRoots() } = given;
  const { backend, root } = given;
  const folder = path.resolve(root, commons.run);
  const isNew = !existsSync(folder);
  const lock = await lockRun(folder, patienceMs);
  let isBegun = false;
  try {
    const files = nodeRunFiles(folder);
    await checkResumed(files, config, given.warn);
    const task = await prepare(config, { ...given, install, modelRoots: roots, signal, files });
    isBegun = true;
    await files.writeText('config.json', `${JSON.stringify(config, null, 2)}\n`);
    const random = new TrainingRandom(commons.seed);
    const board = eventFile(folder);
    const report = (step: StepReport): void => {
      board(step);
      tell?.(step);
    };
    return await train(task, options, { signal, saved, sampled, report, backend, files, random, encodePng });
  } catch (error) {
    if (!(error instanceof PreparationStopped)) throw error;
    isBegun = true;
    return 0;
  } finally {
    lock.release();
    if (isNew && !isBegun) await rm(folder, { recursive: true, force: true });
  }
}

/** TensorBoard's file of this start; those of earlier ones stand beside it. */
function eventFile(folder: string): (report: StepReport) => void {
  const file = path.join(
    folder,
    'logs',
    `events.out.tfevents.${Math.floor(Date.now() / 1000)}.darkroom.${process.pid}`,
  );
  let isBegun = false;
  return ({ step, learningRate, metrics }) => {
    const seconds = Date.now() / 1000;
    try {
      if (!isBegun) {
        mkdirSync(path.dirname(file), { recursive: true });
        appendFileSync(file, eventFileStart(seconds));
        isBegun = true;
      }
      appendFileSync(file, scalarEvent(seconds, step, { ...metrics, learningRate }));
    } catch (error) {
      throw diskError(error, file);
    }
  };
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

async function encodePng({ data, width, height, channels }: PixelImage): Promise<Uint8Array> {
  return sharp(data, { raw: { width, height, channels } }).png().toBuffer();
}
