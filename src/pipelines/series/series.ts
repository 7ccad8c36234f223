/**
 * A job of many pictures of varied requests: a base, what each cell changes in it, and how the pictures are laid out in
 * the end. Plots, prompt matrices, lists of prompts and loopbacks are all made into this.
 */

import { z } from 'zod';
import type { GenerateRequest } from '../request.ts';
import { type SettingName, settingRows } from '../settings/index.ts';

/** A request without its pictures. */
export type PlainRequest = Omit<GenerateRequest, 'init' | 'mask' | 'latentMask' | 'controlPictures'>;

/** Rows are filled from the left, pages (of a third axis) one after the other. An empty label is not written. */
const gridSchema = z.object({
  columns: z.array(z.string()),
  rows: z.array(z.string()),
  pages: z.array(z.string()),
  margin: z.int().min(0).max(500),
  labels: z.boolean(),
});

export type SeriesGrid = z.output<typeof gridSchema>;

export const seriesSchema = z.object({
  form: z.string().describe('What it was made of.'),
  cells: z.array(
    z.object({
      changes: z.record(z.string(), z.unknown()).describe('Settings in place of the base’s.'),
      follows: z.boolean().optional().describe('It starts from the picture of the cell before it.'),
    }),
  ),
  /** Places of cells in the order in which they are drawn: as they stand when left out. */
  order: z.array(z.int()).optional(),
  grid: gridSchema.optional().describe('One more picture, of the first one of each cell.'),
  told: z.array(z.tuple([z.string(), z.string()])).describe('What the text of the grid says of it, as A1111 has it.'),
});

export type Series = z.output<typeof seriesSchema>;
export type SeriesCell = Series['cells'][number];

/** More is a mistake, not a wish. */
export const maxCells = 2000;

/** What a cell asks for. */
export function cellRequest<R extends object>(base: R, { changes }: SeriesCell): R {
  return { ...base, ...changes };
}

const picturesIn = ({ batchSize, batchCount }: Pick<PlainRequest, 'batchSize' | 'batchCount'>): number =>
  batchSize * batchCount;

/** Places of each cell's first picture among all of them, and how many there are, the grid included. */
export function placesOf(
  base: Pick<PlainRequest, 'batchSize' | 'batchCount'>,
  { cells, grid }: Pick<Series, 'cells' | 'grid'>,
): { first: number[]; pictures: number; total: number } {
  let pictures = 0;
  const first = cells.map((cell) => {
    const at = pictures;
    pictures += picturesIn(cellRequest(base, cell));
    return at;
  });
  return { first, pictures, total: pictures + (grid ? 1 : 0) };
}

/** Settings in which a request differs from another, to be kept as a cell's changes. */
export function changesBetween(base: object, request: object): Record<string, unknown> {
  const [from, to] = [base, request] as Readonly<Record<string, unknown>>[];
  const differs = (name: SettingName): boolean => JSON.stringify(from![name]) !== JSON.stringify(to![name]);
  return Object.fromEntries(settingRows.flatMap(([name]) => (differs(name) ? [[name, to![name] ?? null]] : [])));
}
