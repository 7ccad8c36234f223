/**
 * A comparison of generative models on this machine's disk. Every run leaves `results/NAME.json` and `samples/NAME.png`,
 * so that a comparison that was stopped goes on with what is missing, and the table can be made of what there is.
 */

import { existsSync } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import sharp from 'sharp';
import { UserError } from '#core/errors';
import type { PixelImage } from '#core/image';
import { actingOptions, type CompareOptions, countRuns, digitRuns, type RunSpec, runName } from '#lab/compare/plan';
import type { RunResult } from '#lab/compare/result';
import { runModel } from '#lab/compare/run';
import { drawnPlaces, realPictures, Scorer } from '#lab/compare/scorer';
import { bestLearningRate } from '#lab/compare/table';
import { type DigitSets, firstDigits } from '#lab/data/digits';
import { generators } from '#lab/generators/index';
import { gridOf } from '#lab/grid';
import { modernLenet } from '#lab/lenet/modern';
import { expectedCoverage } from '#lab/scoring/shares';
import { TrainingRandom } from '#training/random';
import { nodeRunFiles } from '../training/run-files.ts';
import { writeWhole } from '../training/write-whole.ts';
import { type LabHost, now } from './lab-host.ts';
import { type LenetReport, trainedReader } from './lenet.ts';
import { readMnist } from './mnist-files.ts';

/** What real pictures score, which no model can beat but by chance. */
export interface Reference {
  readonly frechet: number;
  readonly precision: number;
  readonly recall: number;
  readonly imbalance: number;
  readonly covered: number;
  readonly expectedCovered: number;
}

export interface Comparison {
  readonly options: CompareOptions;
  readonly runs: number;
  readonly scorer: LenetReport;
  readonly reference: Reference;
  readonly results: readonly RunResult[];
}

const comparisonFile = 'comparison.json';
const realSeed = 1998;

/** Does what is missing; what there is by then is returned, whole or not. */
export async function runComparison(given: CompareOptions, host: LabHost): Promise<Comparison | undefined> {
  const options = actingOptions(given);
  const known = options.models.every((name) => generators.some((row) => row.name === name));
  if (!known) {
    const names = generators.map(({ name }) => name).join(', ');
    throw new UserError('lab.model', `There is no model ${options.models.join(', ')}; known: ${names}.`);
  }
  await holdToOptions(options, host.folder);
  const all = await readMnist(host.data);
  const sets: DigitSets = {
    training: firstDigits(all.training, options.digits),
    test: firstDigits(all.test, options.digits),
  };
  host.log(`The network that scores: ${modernLenet.title}, ${options.scorerEpochs} epochs.`);
  const trained = await trainedReader({ network: modernLenet, epochs: options.scorerEpochs, seed: 1 }, sets, host);
  if (!trained) return undefined;
  const { reader, report } = trained;
  try {
    const scorer = await Scorer.of(reader, sets.test);
    const reference = await scoreReal(scorer, options, sets, host);
    const results = await readResults(host.folder);
    const kept = async (): Promise<Comparison> => {
      const comparison = { options, runs: countRuns(options), scorer: report, reference, results };
      await writeWhole(path.join(host.folder, comparisonFile), [
        Buffer.from(`${JSON.stringify(comparison, null, 1)}\n`),
      ]);
      return comparison;
    };
    let comparison = await kept();
    host.finished?.(results.length);
    for (let seed = 1; seed <= options.seeds && !host.signal?.aborted; seed++) {
      for (const spec of runsOfSeed(options, seed, results)) {
        if (host.signal?.aborted) break;
        if (results.some((each) => runName(each) === runName(spec()))) continue;
        const result = await oneRun(spec(), options, { sets, scorer }, host);
        if (!result) break;
        results.push(result);
        host.log(`${results.length} of ${countRuns(options)}: ${describe(result)}`);
        comparison = await kept();
        host.finished?.(results.length);
      }
    }
    return comparison;
  } finally {
    await reader.dispose();
  }
}

/** Runs of other options in the folder would be counted as if they belonged. */
async function holdToOptions(options: CompareOptions, folder: string): Promise<void> {
  const before = await readComparison(folder);
  if (!before) return;
  const { seeds: _, ...asked } = options;
  const { seeds: __, ...had } = before.options;
  if (JSON.stringify(asked) === JSON.stringify(had)) return;
  const message = `${folder} holds a comparison with other settings (${JSON.stringify(had)}); give another folder.`;
  throw new UserError('lab.other-settings', message);
}

/** Undefined where there is none yet. */
export async function readComparison(folder: string): Promise<Comparison | undefined> {
  const file = path.join(folder, comparisonFile);
  return existsSync(file) ? (JSON.parse(await readFile(file, 'utf8')) as Comparison) : undefined;
}

async function readResults(folder: string): Promise<RunResult[]> {
  const below = path.join(folder, 'results');
  const names = existsSync(below) ? (await readdir(below)).filter((name) => name.endsWith('.json')) : [];
  return await Promise.all(
    names.map(async (name) => JSON.parse(await readFile(path.join(below, name), 'utf8')) as RunResult),
  );
}

/** Told late: which learning rate stacked digits get is known when the runs before are done. */
function runsOfSeed(options: CompareOptions, seed: number, results: readonly RunResult[]): (() => RunSpec)[] {
  const single = digitRuns(options, seed).map((spec) => () => spec);
  if (options.stackedPictures === 0) return single;
  const stacked = options.models.map((model) => () => ({
    data: 'stacked' as const,
    model,
    seed,
    learningRate: bestLearningRate(results, model, seed) ?? options.learningRates[0]!,
  }));
  return [...single, ...stacked];
}

async function oneRun(
  spec: RunSpec,
  options: CompareOptions,
  { sets, scorer }: { readonly sets: DigitSets; readonly scorer: Scorer },
  host: LabHost,
): Promise<RunResult | undefined> {
  const name = runName(spec);
  const work = path.join(host.folder, 'work', name);
  const outcome = await runModel(
    spec,
    options,
    { training: sets.training, scorer },
    {
      ...host,
      files: nodeRunFiles(work),
      now,
      report: (step) => host.report?.(name, step),
    },
  );
  if (!outcome) return undefined;
  if (outcome.samples) await writePicture(path.join(host.folder, 'samples', `${name}.png`), outcome.samples);
  const metrics = await readFile(path.join(work, 'metrics.jsonl')).catch(() => undefined);
  if (metrics) await writeWhole(path.join(host.folder, 'curves', `${name}.jsonl`), [metrics]);
  await writeWhole(path.join(host.folder, 'results', `${name}.json`), [Buffer.from(JSON.stringify(outcome.result))]);
  await rm(work, { recursive: true, force: true });
  return outcome.result;
}

/** As many real training digits as a model draws, scored in its place. */
async function scoreReal(
  scorer: Scorer,
  { pictures, stackedPictures }: CompareOptions,
  { training }: DigitSets,
  { folder }: LabHost,
): Promise<Reference> {
  const random = new TrainingRandom(realSeed);
  const single = realPictures(training, drawnPlaces(training, pictures, random));
  const stacks = realPictures(training, drawnPlaces(training, 3 * stackedPictures, random));
  const image = gridOf(single, { channels: 1, count: Math.min(64, pictures), columns: 8 });
  await writePicture(path.join(folder, 'samples', 'real.png'), image);
  const { frechet, precision, recall, imbalance } = await scorer.digits(single);
  const { covered } = stackedPictures > 0 ? await scorer.stacked(stacks) : { covered: 0 };
  return { frechet, precision, recall, imbalance, covered, expectedCovered: expectedCoverage(stackedPictures, 1000) };
}

async function writePicture(file: string, { data, width, height, channels }: PixelImage): Promise<void> {
  const png = await sharp(data, { raw: { width, height, channels } }).png({ palette: true }).toBuffer();
  await writeWhole(file, [png]);
}

function describe(result: RunResult): string {
  const { digits, stacked, diverged, steps, seconds } = result;
  const scored = digits
    ? `Frechet ${digits.frechet.toFixed(2)}, precision ${digits.precision.toFixed(2)}, recall ${digits.recall.toFixed(2)}`
    : stacked
      ? `${stacked.covered} of 1000 modes`
      : diverged;
  return `${runName(result)}: ${scored} after ${steps} steps, ${seconds.training.processor.toFixed(0)} s of the processor`;
}
