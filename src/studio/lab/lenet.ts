/** Trains the networks that read digits and tests them; a trained one is kept in the lab's folder. */

import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Digits } from '#lab/data/digits';
import type { DigitNetwork } from '#lab/lenet/network';
import { DigitReader, type Test, testReader } from '#lab/lenet/read';
import { type DigitTrainingOptions, digitLoop, digitSteps, digitTask } from '#lab/lenet/task';
import { train, type Weights } from '#training/loop';
import { TrainingRandom } from '#training/random';
import { nodeRunFiles } from '../training/run-files.ts';
import { readTensorFile, writeTensorFile } from '../training/tensor-file.ts';
import { writeWhole } from '../training/write-whole.ts';
import { type LabHost, now } from './lab-host.ts';

export interface LenetOptions {
  readonly network: DigitNetwork;
  readonly epochs: number;
  readonly seed: number;
}

/** What a trained network is worth. */
export interface LenetReport extends Test {
  readonly network: string;
  readonly title: string;
  readonly parameters: number;
  readonly epochs: number;
  readonly steps: number;
  readonly seed: number;
  readonly threads: number | undefined;
  /** Of the training: by the clock and of the processor. Of this start alone where it was resumed. */
  readonly seconds: { readonly clock: number; readonly processor: number };
}

const batch = 64;

const folderOf = (host: LabHost, { network, epochs, seed }: LenetOptions): string =>
  path.join(host.folder, `${network.name}-${epochs}-${seed}`);

/**
 * Trains where there is no trained one yet, and opens it. Undefined where the signal came first: the next call goes on.
 * The caller disposes of the reader.
 */
export async function trainedReader(
  options: LenetOptions,
  digits: { readonly training: Digits; readonly test: Digits },
  host: LabHost,
): Promise<{ readonly reader: DigitReader; readonly report: LenetReport } | undefined> {
  const folder = folderOf(host, options);
  const [weightsFile, reportFile] = [path.join(folder, 'weights.safetensors'), path.join(folder, 'report.json')];
  const { backend, threads } = host;
  if (existsSync(reportFile)) {
    const report = JSON.parse(await readFile(reportFile, 'utf8')) as LenetReport;
    const reader = await DigitReader.open(backend, options.network, await readTensorFile(weightsFile), threads);
    return { reader, report };
  }
  const { learningRate } = options.network.training;
  const training: DigitTrainingOptions = { ...options, digits: digits.training, batch, learningRate };
  const began = now();
  const weights = await trainReader(training, folder, host);
  if (!weights) return undefined;
  const seconds = { clock: now().clock - began.clock, processor: now().processor - began.processor };
  const reader = await DigitReader.open(backend, options.network, weights, threads);
  const report: LenetReport = {
    network: options.network.name,
    title: options.network.title,
    parameters: [...weights.values()].reduce((sum, { data }) => sum + data.length, 0),
    epochs: options.epochs,
    steps: digitSteps(training),
    seed: options.seed,
    threads,
    seconds,
    ...(await testReader(reader, digits.test)),
  };
  await writeTensorFile(weightsFile, weights, { 'darkroom.lab': options.network.name });
  await writeWhole(reportFile, [Buffer.from(`${JSON.stringify(report, null, 2)}\n`)]);
  return { reader, report };
}

async function trainReader(
  options: DigitTrainingOptions,
  folder: string,
  { backend, threads, signal, report }: LabHost,
): Promise<Weights | undefined> {
  let weights: Weights | undefined;
  const task = digitTask(options, async (last) => {
    weights = last;
  });
  await train(task, digitLoop(options, threads), {
    backend,
    signal,
    files: nodeRunFiles(folder),
    random: new TrainingRandom(options.seed),
    report: (step) => report?.(options.network.title, step),
  });
  return weights;
}
