/** The page about networks that read digits. */

import type { Table } from '#lab/compare/words';
import { reportPage, reportTable } from '../training/report-page.ts';
import type { LenetReport } from './lenet.ts';

export function lenetTable(reports: readonly LenetReport[]): Table {
  const heading = ['network', 'right', 'wrong', 'parameters', 'steps', 'processor s', 'clock s'];
  const rows = reports.map(({ title, count, right, parameters, steps, seconds }) => [
    title,
    `${((100 * right) / count).toFixed(2)}%`,
    `${count - right} of ${count}`,
    String(parameters),
    String(steps),
    seconds.processor.toFixed(0),
    seconds.clock.toFixed(0),
  ]);
  return [heading, ...rows];
}

export function lenetPage(reports: readonly LenetReport[]): string {
  const confusions = reports.map(({ title, confusion }) => {
    const digits = confusion.map((_, digit) => String(digit));
    const table = [
      ['digit', ...digits.map((digit) => `read as ${digit}`)],
      ...confusion.map((row, i) => [digits[i]!, ...row.map(String)]),
    ];
    return `<h2>${title}</h2>${reportTable(table)}`;
  });
  return reportPage('LeNet-5 reads digits', `${reportTable(lenetTable(reports))}${confusions.join('')}`);
}
