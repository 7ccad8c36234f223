/** What the runs of a comparison say together. */

import { rankCorrelation, type Summary, summaryOf } from '../scoring/statistics.ts';
import type { RunResult } from './result.ts';

export interface Cell {
  readonly model: string;
  readonly learningRate: number;
  /** Runs that are done. */
  readonly runs: number;
  readonly diverged: number;
  /** Runs that drew less than one picture in a hundred of some digit. */
  readonly lost: number;
  readonly frechet: Summary | undefined;
  readonly precision: Summary | undefined;
  readonly recall: Summary | undefined;
  readonly imbalance: Summary | undefined;
}

const lostShare = 0.01;

/** Runs on single digits, by model and learning rate in the order in which they come. */
export function cellsOf(results: readonly RunResult[]): Cell[] {
  const digits = results.filter(({ data }) => data === 'digits');
  const keys = [...new Map(digits.map((r) => [`${r.model} ${r.learningRate}`, r])).values()];
  return keys.map(({ model, learningRate }) => {
    const runs = digits.filter((r) => r.model === model && r.learningRate === learningRate);
    const scores = runs.flatMap((r) => r.digits ?? []);
    return {
      model,
      learningRate,
      runs: runs.length,
      diverged: runs.filter((r) => r.diverged !== undefined).length,
      lost: scores.filter(({ shares }) => Math.min(...shares) < lostShare).length,
      frechet: summaryOf(scores.map((s) => s.frechet)),
      precision: summaryOf(scores.map((s) => s.precision)),
      recall: summaryOf(scores.map((s) => s.recall)),
      imbalance: summaryOf(scores.map((s) => s.imbalance)),
    };
  });
}

export interface ModelRow {
  readonly model: string;
  /** With the least mean Frechet distance. */
  readonly best: Cell | undefined;
  /** Greatest mean Frechet distance of a learning rate over the least: how much hangs on it. */
  readonly sensitivity: number | undefined;
  /** Means over runs: steps, pictures seen, seconds of the processor and by the clock, multiplications. */
  readonly steps: number;
  readonly seen: number;
  readonly trainingSeconds: Summary | undefined;
  readonly clockSeconds: Summary | undefined;
  readonly training: number;
  /** Of one picture. */
  readonly drawing: number;
  /** Rank correlation, over its runs, of the loss at the end with the Frechet distance: 1 where the loss tells quality. */
  readonly lossTells: number | undefined;
  readonly covered: Summary | undefined;
  readonly divergence: Summary | undefined;
}

export function modelRows(results: readonly RunResult[]): ModelRow[] {
  const cells = cellsOf(results);
  return [...new Set(results.map(({ model }) => model))].map((model) => {
    const own = results.filter((r) => r.model === model);
    const digits = own.filter(({ data }) => data === 'digits');
    const stacked = own.flatMap((r) => r.stacked ?? []);
    const scored = digits.filter((r) => r.digits && r.loss !== undefined);
    const ofModel = cells.filter((cell) => cell.model === model && cell.frechet);
    const means = ofModel.map(({ frechet }) => frechet!.mean);
    return {
      model,
      best: ofModel.find(({ frechet }) => frechet!.mean === Math.min(...means)),
      sensitivity: means.length > 0 ? Math.max(...means) / Math.min(...means) : undefined,
      steps: own[0]!.steps,
      seen: digits[0] ? digits[0].steps * digits[0].batch : 0,
      trainingSeconds: summaryOf(digits.map(({ seconds }) => seconds.training.processor)),
      clockSeconds: summaryOf(digits.map(({ seconds }) => seconds.training.clock)),
      training: digits[0]?.training ?? 0,
      drawing: Math.max(0, ...digits.map(({ drawing }) => drawing)),
      lossTells: rankCorrelation(
        scored.map(({ loss }) => loss!),
        scored.map((r) => r.digits!.frechet),
      ),
      covered: summaryOf(stacked.map((s) => s.covered)),
      divergence: summaryOf(stacked.map((s) => s.divergence)),
    };
  });
}

/** Of a model's runs from a seed on single digits, that with the least Frechet distance. */
export function bestLearningRate(results: readonly RunResult[], model: string, seed: number): number | undefined {
  const runs = results.filter((r) => r.data === 'digits' && r.model === model && r.seed === seed && r.digits);
  return runs.sort((a, b) => a.digits!.frechet - b.digits!.frechet)[0]?.learningRate;
}
