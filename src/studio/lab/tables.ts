/** What an experiment has found so far, as tables, from its folder. */

import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { cellTable, modelTable, type Table } from '#lab/compare/words';
import { isMissing } from '../files/disk-error.ts';
import { readComparison } from './compare.ts';
import type { LenetReport } from './lenet.ts';
import { lenetTable } from './lenet-page.ts';

export interface TitledTable {
  readonly title: string;
  readonly rows: string[][];
}

export async function tablesIn(folder: string): Promise<TitledTable[]> {
  const comparison = await readComparison(folder);
  const reports = await lenetReports(folder);
  const tables: [string, Table][] = reports.length > 0 ? [['Networks that read digits', lenetTable(reports)]] : [];
  if (comparison) {
    const { results, reference } = comparison;
    tables.push(['Models', modelTable(results, reference)], ['Learning rates', cellTable(results, reference)]);
  }
  return tables.map(([title, rows]) => ({ title, rows: rows.map((row) => [...row]) }));
}

async function lenetReports(folder: string): Promise<LenetReport[]> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (isMissing(error)) return [];
    throw error;
  });
  const texts = await Promise.all(
    names
      .sort()
      .map(async (name) => await readFile(path.join(folder, name, 'report.json'), 'utf8').catch(() => undefined)),
  );
  return texts.flatMap((text) => (text === undefined ? [] : [JSON.parse(text) as LenetReport]));
}
