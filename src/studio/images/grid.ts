/**
 * Pictures put together as a grid with labels: rows from the left, pages side by side. A picture that is not there
 * leaves its place empty. Labels are text drawn by the image library with a font of the system; where there is none,
 * which would leave them blank, in letters of our own.
 */

import sharp, { type OverlayOptions } from 'sharp';
import { UserError } from '#core/errors';
import type { PixelImage } from '#core/image';
import type { SeriesGrid } from '#pipelines/series/series';
import { pixelText } from './pixel-font.ts';

interface Layout {
  readonly cell: { readonly width: number; readonly height: number };
  readonly font: number;
  /** Space for labels. */
  readonly left: number;
  readonly top: number;
  readonly title: number;
  readonly page: { readonly width: number; readonly height: number };
}

/** Longer sides are no picture file any more (JPEG, WebP). */
const longestSide = 16_383;

/** Rows first, then columns, page after page. @throws UserError `series.grid` for a grid that no file holds */
export async function drawGrid(
  pictures: readonly (PixelImage | undefined)[],
  grid: SeriesGrid,
  writing?: Writing,
): Promise<PixelImage> {
  const layout = layoutOf(pictures, grid);
  const { page, title } = layout;
  const [width, height] = [page.width * grid.pages.length, title + page.height];
  if (Math.max(width, height) > longestSide) {
    const advice = 'draw smaller pictures or fewer of them';
    throw new UserError(
      'series.grid',
      `The grid would be ${width} x ${height}; sides go up to ${longestSide}: ${advice}.`,
    );
  }
  const layers = pictures.flatMap((picture, i) => (picture ? [placed(picture, placeOf(i, grid, layout), layout)] : []));
  const canvas = sharp({ create: { width, height, channels: 3, background: '#ffffff' } });
  const { data } = await canvas
    .composite([...layers, ...labelLayers(grid, layout, { width, height }, writing ?? (await systemWriting()))])
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { width, height, channels: 3, data: new Uint8Array(data) };
}

function layoutOf(pictures: readonly (PixelImage | undefined)[], grid: SeriesGrid): Layout {
  const sides = pictures.flatMap((picture) => (picture ? [picture] : []));
  const cell = {
    width: Math.max(1, ...sides.map(({ width }) => width)),
    height: Math.max(1, ...sides.map(({ height }) => height)),
  };
  const font = Math.round(Math.min(Math.max(Math.min(cell.width, cell.height) / 12, 11), 40));
  const shows = (labels: readonly string[]): boolean => grid.labels && labels.some((label) => label !== '');
  const longest = Math.max(...grid.rows.map((label) => label.length));
  const left = shows(grid.rows)
    ? Math.round(Math.min(longest * font * 0.62 + 2 * font, Math.max(cell.width * 0.75, 8 * font)))
    : 0;
  const lines = Math.max(...grid.columns.map((label) => wrapped(label, cell.width, font).length));
  const top = shows(grid.columns) ? Math.round((lines * 1.25 + 1) * font) : 0;
  const { columns, rows, margin } = grid;
  return {
    cell,
    font,
    left,
    top,
    title: shows(grid.pages) ? Math.round(2.5 * font) : 0,
    page: {
      width: left + columns.length * cell.width + (columns.length - 1) * margin,
      height: top + rows.length * cell.height + (rows.length - 1) * margin,
    },
  };
}

interface Place {
  readonly x: number;
  readonly y: number;
}

/** The upper left corner of a cell. */
function placeOf(
  index: number,
  { columns, rows, margin }: SeriesGrid,
  { cell, left, top, title, page }: Layout,
): Place {
  const column = index % columns.length;
  const row = Math.floor(index / columns.length) % rows.length;
  const number = Math.floor(index / (columns.length * rows.length));
  return {
    x: number * page.width + left + column * (cell.width + margin),
    y: title + top + row * (cell.height + margin),
  };
}

/** In the middle of its cell. */
function placed({ width, height, channels, data }: PixelImage, { x, y }: Place, { cell }: Layout): OverlayOptions {
  return {
    input: Buffer.from(data.buffer, data.byteOffset, data.byteLength),
    raw: { width, height, channels },
    left: x + ((cell.width - width) >> 1),
    top: y + ((cell.height - height) >> 1),
  };
}

/** How a line is drawn: in the system's font or in letters of our own. */
export type Writing = 'font' | 'squares';

let found: Promise<Writing> | undefined;

/** Found out once, by writing: without a font nothing is drawn and nothing said. */
async function systemWriting(): Promise<Writing> {
  found ??= sharp(Buffer.from(svgOf({ width: 32, height: 32 }, 24, '<text x="16" y="24">M</text>')))
    .stats()
    .then(({ channels }) => (channels.at(-1)!.max > 0 ? 'font' : 'squares'));
  return await found;
}

function svgOf({ width, height }: { width: number; height: number }, font: number, body: string): string {
  const style = `font-family="sans-serif" font-size="${font}" text-anchor="middle" fill="#000"`;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"><g ${style}>${body}</g></svg>`;
}

function labelLayers(
  grid: SeriesGrid,
  layout: Layout,
  size: { width: number; height: number },
  writing: Writing,
): OverlayOptions[] {
  if (!grid.labels) return [];
  const { cell, font, left, top, title, page } = layout;
  const texts: string[] = [];
  const write = (label: string, middle: Place, room: number): void => {
    const lines = wrapped(label, room, font);
    const first = middle.y - ((lines.length - 1) * 1.25 * font) / 2 + 0.35 * font;
    for (const [i, line] of lines.entries()) {
      const [x, y] = [middle.x, first + i * 1.25 * font];
      if (writing === 'squares') texts.push(pixelText(line, { x, y, size: font }));
      else texts.push(`<text x="${x}" y="${y}">${escaped(line)}</text>`);
    }
  };
  for (const [p, name] of grid.pages.entries()) {
    const start = p * page.width;
    if (title > 0) write(name, { x: start + page.width / 2, y: title / 2 }, page.width);
    for (const [i, label] of grid.columns.entries()) {
      const x = start + left + i * (cell.width + grid.margin) + cell.width / 2;
      if (top > 0) write(label, { x, y: title + top / 2 }, cell.width);
    }
    for (const [i, label] of grid.rows.entries()) {
      const y = title + top + i * (cell.height + grid.margin) + cell.height / 2;
      if (left > 0) write(label, { x: start + left / 2, y }, left - font);
    }
  }
  return [{ input: Buffer.from(svgOf(size, font, texts.join(''))), left: 0, top: 0 }];
}

/** Lines that are about as wide as there is room; words that are longer are cut. */
function wrapped(text: string, room: number, font: number): string[] {
  const most = Math.max(4, Math.floor(room / (font * 0.58)));
  const words = text.split(/\s+/).flatMap((word) => word.match(new RegExp(`.{1,${most}}`, 'gsu')) ?? []);
  const lines: string[] = [];
  for (const word of words) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= most) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines.length > 6 ? [...lines.slice(0, 5), '…'] : lines;
}

function escaped(text: string): string {
  const signs: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
  // Characters that no XML may hold.
  return text
    .replaceAll(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '')
    .replaceAll(/[&<>"]/g, (c) => signs[c]!);
}
