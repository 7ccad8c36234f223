/** The page about a comparison, and its tables as Markdown beside it. */

import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { runName } from '#lab/compare/plan';
import type { RunResult } from '#lab/compare/result';
import { cellsOf, modelRows } from '#lab/compare/table';
import { cellTable, explanations, modelTable, type Table, titleOf } from '#lab/compare/words';
import { isMissing } from '../files/disk-error.ts';
import { escaped, reportPage, reportPicture, reportTable } from '../training/report-page.ts';
import { chart } from './chart.ts';
import type { Comparison } from './compare.ts';

export async function comparisonPage(comparison: Comparison, folder: string): Promise<string> {
  const { results, reference } = comparison;
  const pictures = await Promise.all(
    shownRuns(results).map(async (run) => await picture(folder, `${runName(run)}.png`, captionOf(run))),
  );
  const body = [
    `<p>${escaped(summaryOf(comparison))}</p>`,
    '<h2>Models</h2>',
    reportTable(modelTable(results, reference)),
    '<h2>Learning rates</h2>',
    reportTable(cellTable(results, reference)),
    chart(cellsOf(results), reference.frechet),
    '<h2>Drawn, not picked</h2>',
    await picture(folder, 'real.png', 'Real digits'),
    ...pictures,
    '<h2>What the words mean</h2>',
    `<ul>${explanations.map((line) => `<li>${escaped(line)}</li>`).join('')}</ul>`,
  ];
  return reportPage('GAN against diffusion', body.join('\n'));
}

/** The tables for a text file. */
export function comparisonMarkdown(comparison: Comparison): string {
  const { results, reference } = comparison;
  const tables = [modelTable(results, reference), cellTable(results, reference)].map(markdown);
  return `${[summaryOf(comparison), ...tables, explanations.map((line) => `- ${line}`).join('\n')].join('\n\n')}\n`;
}

function markdown([heading = [], ...rows]: Table): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(heading), line(heading.map(() => '---')), ...rows.map(line)].join('\n');
}

function summaryOf({ options, runs, results, scorer }: Comparison): string {
  const share = ((100 * scorer.right) / scorer.count).toFixed(2);
  const held = results.length === runs ? `all ${runs} runs` : `${results.length} of ${runs} runs`;
  return `This table holds ${held}: ${options.seeds} seeds and learning rates ${options.learningRates.join(', ')}, each with ${options.budget} thousand million multiplications to train with on ${options.digits} digits, batches of ${options.batch}; ${options.pictures} pictures scored of each. The network that scores reads ${share}% of the test digits.`;
}

/** Of each model the first run with its best learning rate, on single and on stacked digits. */
function shownRuns(results: readonly RunResult[]): RunResult[] {
  return modelRows(results).flatMap(({ model, best }) => {
    const own = results.filter((r) => r.model === model && !r.diverged);
    const single = own.find((r) => r.data === 'digits' && r.learningRate === best?.learningRate);
    return [single, own.find((r) => r.data === 'stacked')].filter((run) => run !== undefined);
  });
}

function captionOf({ model, learningRate, seed, digits, stacked }: RunResult): string {
  const score = digits ? `Frechet ${digits.frechet.toFixed(2)}` : `${stacked?.covered} modes`;
  return `${titleOf(model)}, learning rate ${learningRate}, seed ${seed}: ${score}`;
}

async function picture(folder: string, name: string, caption: string): Promise<string> {
  try {
    return reportPicture(await readFile(path.join(folder, 'samples', name)), caption);
  } catch (error) {
    if (isMissing(error)) return '';
    throw error;
  }
}
