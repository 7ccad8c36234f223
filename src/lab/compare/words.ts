/** A comparison in words and tables, for its page, the documentation and the command line alike. */

import { generators } from '../generators/index.ts';
import { generatorNames } from '../names.ts';
import type { Summary } from '../scoring/statistics.ts';
import type { RunResult } from './result.ts';
import { type Cell, cellsOf, modelRows } from './table.ts';

export interface RealScores {
  readonly frechet: number;
  readonly precision: number;
  readonly recall: number;
  readonly imbalance: number;
  readonly covered: number;
}

export type Table = readonly (readonly string[])[];

export const titleOf = (name: string): string => generators.find((row) => row.name === name)?.title ?? name;

/** `mean ± standard deviation`, or a dash for nothing. */
export function spread(summary: Summary | undefined, digits: number): string {
  if (!summary) return '–';
  const mean = summary.mean.toFixed(digits);
  return summary.count > 1 ? `${mean} ± ${summary.deviation.toFixed(digits)}` : mean;
}

/** A row for each model and learning rate: what came of its seeds. */
export function cellTable(results: readonly RunResult[], real: RealScores): Table {
  const heading = [
    'model',
    'learning rate',
    'runs',
    'Frechet',
    'precision',
    'recall',
    'imbalance',
    'digits lost',
    'diverged',
  ];
  const row = (cell: Cell): string[] => [
    titleOf(cell.model),
    String(cell.learningRate),
    String(cell.runs),
    spread(cell.frechet, 2),
    spread(cell.precision, 2),
    spread(cell.recall, 2),
    spread(cell.imbalance, 3),
    `${cell.lost} of ${cell.runs}`,
    `${cell.diverged} of ${cell.runs}`,
  ];
  const { frechet, precision, recall, imbalance } = real;
  const reference = [frechet.toFixed(2), precision.toFixed(2), recall.toFixed(2), imbalance.toFixed(3)];
  const order: readonly string[] = generatorNames;
  const cells = cellsOf(results).sort(
    (a, b) => order.indexOf(a.model) - order.indexOf(b.model) || a.learningRate - b.learningRate,
  );
  return [heading, ...cells.map(row), ['real digits', '', '', ...reference, '', '']];
}

/** Three digits and M (millions) or G (thousands of millions). */
export function amount(count: number): string {
  const [unit, letter] = count < 1e9 ? [1e6, 'M'] : [1e9, 'G'];
  return `${Number((count / unit).toPrecision(3))} ${letter}`;
}

/** A row for each model: how it does at its best, what it costs, how much hangs on settings. */
export function modelTable(results: readonly RunResult[], real: RealScores): Table {
  const heading = [
    'model',
    'best Frechet',
    'worst rate / best rate',
    'modes of 1000',
    'pictures seen',
    'processor s',
    'clock s',
    'multiplications to train',
    'to draw one',
    'loss tells quality',
  ];
  const rows = modelRows(results).map((row) => [
    titleOf(row.model),
    spread(row.best?.frechet, 2),
    row.sensitivity === undefined ? '–' : `${row.sensitivity.toFixed(1)} x`,
    spread(row.covered, 0),
    String(row.seen),
    spread(row.trainingSeconds, 1),
    spread(row.clockSeconds, 0),
    amount(row.training),
    amount(row.drawing),
    row.lossTells === undefined ? '–' : row.lossTells.toFixed(2),
  ]);
  const blank = new Array<string>(heading.length - 4).fill('');
  return [heading, ...rows, ['real digits', real.frechet.toFixed(2), '', String(real.covered), ...blank]];
}

/** What the words of the tables mean. */
export const explanations: readonly string[] = [
  'Frechet: distance between features of drawn and of real test digits in the scoring network; less is better.',
  'Precision: share of drawn digits that lie among real ones. Recall: share of real digits that lie among drawn ones.',
  'Imbalance: half the summed differences between the shares of the ten digits and the real ones; 0 is even.',
  'Digits lost: runs that drew less than one picture in a hundred of some digit.',
  'Modes: of the 1,000 combinations of three digits in red, green and blue, how many were drawn at least once.',
  'Loss tells quality: rank correlation of a run’s last loss with its Frechet distance over all runs of the model; 1 where less loss is always better pictures.',
  'Figures are mean ± standard deviation over seeds.',
];
