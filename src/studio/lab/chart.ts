/** Frechet distance by learning rate, a line for each model with its spread over seeds; both axes are logarithmic. */

import type { Cell } from '#lab/compare/table';
import { titleOf } from '#lab/compare/words';
import { escaped } from '../training/report-page.ts';

const [width, height] = [720, 360];
const inner = { left: 70, right: width - 150, top: 20, bottom: height - 50 };
const colours = ['#b5442e', '#2f6fb0', '#2f8f4e', '#8a5fb0'];

export function chart(cells: readonly Cell[], real: number): string {
  const drawn = cells.filter((cell) => cell.frechet);
  if (drawn.length === 0) return '';
  const rates = [...new Set(drawn.map(({ learningRate }) => learningRate))].sort((a, b) => a - b);
  const highest = Math.max(...drawn.map(({ frechet }) => frechet!.most));
  const across = scale(rates[0]! / 1.5, rates.at(-1)! * 1.5, inner.left, inner.right);
  const up = scale(Math.max(real, 1e-3) / 1.3, highest * 1.3, inner.bottom, inner.top);
  const models = [...new Set(drawn.map(({ model }) => model))];
  const lines = models.map((model, i) => {
    const own = drawn.filter((cell) => cell.model === model).sort((a, b) => a.learningRate - b.learningRate);
    // Side by side, so that bars do not cover each other.
    const x = (cell: Cell): number => across(cell.learningRate) + 8 * (i - (models.length - 1) / 2);
    return modelLine(own, { x, up, colour: colours[i % colours.length]!, place: i });
  });
  const marks = [
    ...rates.map((rate) => label(across(rate), inner.bottom + 18, String(rate), 'middle')),
    ...decades(up).map(([value, y]) => `${rule(y, '#ddd')}${label(inner.left - 8, y + 4, String(value), 'end')}`),
  ];
  const floor = `${rule(up(real), '#555', '4 3')}${label(inner.right + 8, up(real) + 4, `real ${real.toFixed(2)}`, 'start')}`;
  const names = `${label((inner.left + inner.right) / 2, height - 10, 'learning rate', 'middle')}${label(inner.left, 12, 'Frechet distance (bars: least to most over seeds)', 'start')}`;
  return `<svg viewBox="0 0 ${width} ${height}" width="${width}" font-size="12" role="img" aria-label="Frechet distance by learning rate">${marks.join('')}${floor}${lines.join('')}${names}</svg>`;
}

type Scale = (value: number) => number;

function scale(from: number, to: number, start: number, end: number): Scale {
  return (value) => start + ((Math.log(value) - Math.log(from)) / (Math.log(to) - Math.log(from))) * (end - start);
}

interface LineLook {
  x(cell: Cell): number;
  readonly up: Scale;
  readonly colour: string;
  readonly place: number;
}

function modelLine(cells: readonly Cell[], { x, up, colour, place }: LineLook): string {
  const points = cells.map((cell) => `${x(cell)},${up(cell.frechet!.mean)}`).join(' ');
  const bars = cells.map(({ frechet }, i) => {
    const at = x(cells[i]!);
    return `<line x1="${at}" x2="${at}" y1="${up(frechet!.least)}" y2="${up(frechet!.most)}" stroke="${colour}" stroke-width="2"/><circle cx="${at}" cy="${up(frechet!.mean)}" r="4" fill="${colour}"/>`;
  });
  const name = `<text x="${inner.right + 8}" y="${inner.top + 16 * (place + 1)}" fill="${colour}">${escaped(titleOf(cells[0]!.model))}</text>`;
  return `<polyline points="${points}" fill="none" stroke="${colour}"/>${bars.join('')}${name}`;
}

/** Round values within the chart's height, with their places. */
function decades(up: Scale): [number, number][] {
  const values = [0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000, 3000];
  return values
    .map((value): [number, number] => [value, up(value)])
    .filter(([, y]) => y >= inner.top && y <= inner.bottom);
}

function rule(y: number, colour: string, dashes = ''): string {
  return `<line x1="${inner.left}" x2="${inner.right}" y1="${y}" y2="${y}" stroke="${colour}" stroke-dasharray="${dashes}"/>`;
}

function label(x: number, y: number, text: string, anchor: 'start' | 'middle' | 'end'): string {
  return `<text x="${x}" y="${y}" text-anchor="${anchor}">${escaped(text)}</text>`;
}
