/** Pictures put together: where each lies, and the space for labels. */

import { expect, it } from 'vitest';
import type { PixelImage } from '#core/image';
import { drawGrid } from './grid.ts';

const plain = (width: number, height: number, ...colour: number[]): PixelImage => ({
  width,
  height,
  channels: 3,
  data: Uint8Array.from({ length: 3 * width * height }, (_, i) => colour[i % 3]!),
});

const at = ({ width, data }: PixelImage, x: number, y: number) => [
  ...data.subarray(3 * (y * width + x), 3 * (y * width + x) + 3),
];

const grid = { columns: ['', ''], rows: ['', ''], pages: [''], margin: 4, labels: true };

it('lays cells out row by row, with margins, and leaves what is not there empty', async () => {
  const made = await drawGrid(
    [plain(8, 8, 255, 0, 0), plain(8, 8, 0, 255, 0), plain(4, 4, 0, 0, 255), undefined],
    grid,
  );
  expect([made.width, made.height]).toEqual([20, 20]);
  expect(at(made, 0, 0)).toEqual([255, 0, 0]);
  expect(at(made, 9, 3)).toEqual([255, 255, 255]);
  expect(at(made, 12, 0)).toEqual([0, 255, 0]);
  // A smaller one stands in the middle.
  expect([at(made, 0, 12), at(made, 3, 15)]).toEqual([
    [255, 255, 255],
    [0, 0, 255],
  ]);
  expect(at(made, 15, 15)).toEqual([255, 255, 255]);
});

it('writes labels above and beside, and titles of pages', async () => {
  const labelled = {
    columns: ['Steps: 10 & <more>'],
    rows: ['a \u0007 row'],
    pages: ['one', 'two'],
    margin: 0,
    labels: true,
  };
  const cells = [plain(64, 64, 9, 9, 9), plain(64, 64, 9, 9, 9)];
  const made = await drawGrid(cells, labelled);
  const bare = await drawGrid(cells, { ...labelled, labels: false });
  expect([bare.width, bare.height]).toEqual([128, 64]);
  expect(made.width).toBeGreaterThan(128 + 2 * 11);
  expect(made.height).toBeGreaterThan(64 + 2 * 11);
  const first = made.width / 2;
  expect([at(made, first - 1, made.height - 1), at(made, 1, made.height - 1)]).toEqual([
    [9, 9, 9],
    [255, 255, 255],
  ]);
});

it('writes in letters of its own where the system has none, as it does with its font', async () => {
  const labelled = { columns: ['Steps: 10'], rows: ['Größe: 日 {q}'], pages: [''], margin: 0, labels: true };
  for (const writing of ['squares', undefined] as const) {
    const made = await drawGrid([plain(96, 96, 255, 255, 255)], labelled, writing);
    // Of the columns' labels above, of the rows' beside.
    const isInk = (x: number, y: number): boolean => at(made, x, y)[0]! < 128;
    const ink = (x0: number, x1: number, y0: number, y1: number): number => {
      let count = 0;
      for (let y = y0; y < y1; y++) for (let x = x0; x < x1; x++) count += isInk(x, y) ? 1 : 0;
      return count;
    };
    const [left, top] = [made.width - 96, made.height - 96];
    expect(ink(left, made.width, 0, top)).toBeGreaterThan(50);
    expect(ink(0, left, top, made.height)).toBeGreaterThan(50);
    expect(ink(left, made.width, top, made.height)).toBe(0);
  }
});

it('refuses what no file holds', async () => {
  const wide = { ...grid, columns: Array.from({ length: 100 }, () => '') };
  await expect(drawGrid([plain(200, 1, 0, 0, 0)], wide)).rejects.toThrow('sides go up to 16383');
});
