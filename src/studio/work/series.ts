/** A series as callers ask for it, made into one that can be stored: every cell checked as a request of its own. */

import { type GenerateSettings, generateSchema } from '#pipelines/request';
import { expandSeries } from '#pipelines/series/forms';
import { cellRequest, changesBetween, type Series } from '#pipelines/series/series';
import type { StoredRequest } from '../queue/job.ts';
import { drawSeed } from './check-request.ts';

export interface SeriesInput {
  /** Name of a form. */
  readonly form: string;
  readonly settings: Readonly<Record<string, unknown>>;
}

interface Checked {
  readonly request: StoredRequest;
  readonly warnings: readonly string[];
}

export interface StoredSeries {
  readonly request: StoredRequest & { readonly series: Series };
  readonly warnings: readonly string[];
}

/**
 * @param check of a whole request, as of a job without a series
 * @throws UserError `series.*`, and whatever `check` has to say of the base or a cell
 */
export async function storedSeries(
  { form, settings }: SeriesInput,
  fields: GenerateSettings,
  hasInit: boolean,
  check: (fields: GenerateSettings) => Promise<Checked>,
): Promise<StoredSeries> {
  const asked = generateSchema.parse(fields);
  const { base, cells, ...series } = expandSeries(form, settings, asked, { drawSeed, hasInit });
  const own = await check(base);
  const warnings = new Set(own.warnings);
  const checked: Series['cells'] = [];
  for (const cell of cells) {
    const { request, warnings: told } = await check(cellRequest(base, cell) as GenerateSettings);
    for (const warning of told) warnings.add(warning);
    checked.push({ changes: changesBetween(own.request, request), follows: cell.follows });
  }
  return { request: { ...own.request, series: { ...series, form, cells: checked } }, warnings: [...warnings] };
}
