/** One run of a comparison: trains a model within the budget, draws from it, scores what it drew. */

import type { PixelImage } from '#core/image';
import type { Backend } from '#engine/backend';
import { DivergenceError, type StepReport, train, type Weights } from '#training/loop';
import { TrainingRandom } from '#training/random';
import type { RunFiles } from '#training/run-directory';
import { buildTrainingStep } from '#training/step';
import { type Digits, shuffled } from '../data/digits.ts';
import { generators } from '../generators/index.ts';
import type { GenerativeModel } from '../generators/model.ts';
import { gridOf } from '../grid.ts';
import { multiplications } from '../multiplications.ts';
import type { CompareOptions, RunSpec } from './plan.ts';
import type { RunResult, Time } from './result.ts';
import { drawnPlaces, realPictures, type Scorer } from './scorer.ts';

export interface RunHost {
  readonly backend: Backend;
  readonly files: RunFiles;
  readonly threads?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Seconds by the clock and of the processor, from anywhere. */
  now(): Time;
  report?(report: StepReport): void;
}

export interface RunOutcome {
  readonly result: RunResult;
  /** What it drew; none where it diverged. */
  readonly samples: PixelImage | undefined;
}

const channelsOf = { digits: 1, stacked: 3 } as const;
const budgetUnit = 1e9;
const shown = 64;
/** Pictures are drawn from noise of their own. */
const drawingSeed = 7919;

/** Undefined where the signal ended it before its end. */
export async function runModel(
  spec: RunSpec,
  options: CompareOptions,
  { training, scorer }: { readonly training: Digits; readonly scorer: Scorer },
  host: RunHost,
): Promise<RunOutcome | undefined> {
  const channels = channelsOf[spec.data];
  const row = generators.find(({ name }) => name === spec.model)!;
  const model = row.create({ batch: options.batch, channels });
  const perStep = multiplicationsOfStep(model);
  const steps = Math.max(2, Math.floor((options.budget * budgetUnit) / perStep));
  const trained = await trainModel(spec, { model, steps, batch: options.batch, channels, training }, host);
  if (!trained) return undefined;
  const { weights, diverged, loss, time } = trained;
  const common = { ...spec, steps, batch: options.batch, training: perStep * steps, loss };
  if (!weights) {
    const seconds = { training: time, drawing: { clock: 0, processor: 0 } };
    return { result: { ...common, drawing: 0, seconds, diverged }, samples: undefined };
  }
  const sampler = await model.sampler({ backend: host.backend, weights, threads: host.threads });
  try {
    const began = host.now();
    const count = spec.data === 'stacked' ? options.stackedPictures : options.pictures;
    const pictures = await sampler.sample(count, new TrainingRandom(drawingSeed + spec.seed));
    const seconds = { training: time, drawing: since(began, host.now()) };
    const score = { [spec.data]: await scorer[spec.data](pictures) };
    const samples = gridOf(pictures, { channels, count: Math.min(shown, count), columns: 8 });
    return { result: { ...common, drawing: sampler.multiplications, seconds, ...score }, samples };
  } finally {
    await sampler.dispose();
  }
}

export function multiplicationsOfStep(model: GenerativeModel): number {
  const { optimizer, objective } = model;
  return multiplications(buildTrainingStep('counted', objective, { optimizer, ema: false, accumulate: 1 }).apply);
}

interface Trained {
  readonly weights: Weights | undefined;
  readonly diverged: string | undefined;
  readonly loss: number | undefined;
  readonly time: Time;
}

interface Work {
  readonly model: GenerativeModel;
  readonly steps: number;
  readonly batch: number;
  readonly channels: 1 | 3;
  readonly training: Digits;
}

async function trainModel(spec: RunSpec, work: Work, host: RunHost): Promise<Trained | undefined> {
  const { model, steps, batch, channels, training } = work;
  const placeOf = shuffled(training.count, spec.seed, (seed) => new TrainingRandom(seed));
  let weights: Weights | undefined;
  const losses: number[] = [];
  const began = host.now();
  const task = {
    name: spec.model,
    objective: () => model.objective,
    initialise: model.initialise,
    batch: async (random: TrainingRandom, step: number) => {
      const places =
        channels === 1
          ? Array.from({ length: batch }, (_, i) => placeOf(step * batch + i))
          : drawnPlaces(training, channels * batch, random);
      return model.feeds(realPictures(training, places), random);
    },
    finish: async (last: Weights) => {
      weights = last;
    },
  };
  const loop = {
    steps,
    optimizer: model.optimizer,
    learningRate: spec.learningRate,
    schedule: { name: 'constant' },
    ema: model.ema,
    checkpointEvery: steps,
    keepCheckpoints: 1,
    threads: host.threads,
  } as const;
  const report = (step: StepReport): void => {
    if (step.step > 0.9 * steps) losses.push(step.metrics.loss!);
    host.report?.(step);
  };
  const { backend, files, signal } = host;
  let diverged: string | undefined;
  try {
    const done = await train(task, loop, {
      backend,
      files,
      signal,
      report,
      random: new TrainingRandom(spec.seed),
    });
    if (done < steps) return undefined;
  } catch (error) {
    if (!(error instanceof DivergenceError)) throw error;
    diverged = `not finite at step ${error.step}`;
  }
  const loss = losses.length === 0 ? undefined : losses.reduce((a, b) => a + b, 0) / losses.length;
  return { weights, diverged, loss, time: since(began, host.now()) };
}

function since(then: Time, now: Time): Time {
  return { clock: now.clock - then.clock, processor: now.processor - then.processor };
}
