/**
 * A sign as MNIST has its digits: scaled to fit 20x20 pixels with its proportions kept, then placed on 28x28 with its
 * centre of mass in the middle (LeCun, Cortes and Burges, "The MNIST database of handwritten digits").
 */

import { pixels, side } from '../data/digits.ts';
import type { Ink } from './ink.ts';
import type { Segmented, Sign } from './segment.ts';

const inner = 20;
/** Where the centre of mass lies in MNIST's digits, measured on the first 2,000 test digits: 14.50 and 14.49. */
const middle = 14.5;

/** [28, 28], 0 the paper and 1 the ink. */
export function normalised(sign: Sign, ink: Ink, { pieceOf }: Segmented): Float32Array {
  const [width, height] = [sign.right - sign.left, sign.bottom - sign.top];
  const scale = inner / Math.max(width, height);
  const [columns, rows] = [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
  const value = (x: number, y: number): number => {
    const at = (sign.top + y) * ink.width + sign.left + x;
    // Edges of strokes lie below the threshold; ink of others does not belong here.
    const piece = pieceOf[at]!;
    return piece === 0 || sign.pieces.has(piece) ? ink.darkness[at]! : 0;
  };
  const box = scaled(value, { width, height, columns, rows });
  const top = Math.max(...box, 1e-6);
  const faint = 0.5 * ink.threshold;
  return centred(
    box.map((v) => (v < faint ? 0 : v / top)),
    columns,
  );
}

interface Sizes {
  readonly width: number;
  readonly height: number;
  readonly columns: number;
  readonly rows: number;
}

/** Means over the areas that pixels of the result cover; enlarged pictures repeat pixels. */
function scaled(value: (x: number, y: number) => number, { width, height, columns, rows }: Sizes): Float32Array {
  const out = new Float32Array(columns * rows);
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) {
      const [fromX, toX] = [(x * width) / columns, ((x + 1) * width) / columns];
      const [fromY, toY] = [(y * height) / rows, ((y + 1) * height) / rows];
      let sum = 0;
      for (let v = Math.floor(fromY); v < toY; v++) {
        const tall = Math.min(v + 1, toY) - Math.max(v, fromY);
        for (let u = Math.floor(fromX); u < toX; u++) {
          sum += tall * (Math.min(u + 1, toX) - Math.max(u, fromX)) * value(u, v);
        }
      }
      out[y * columns + x] = sum / ((toX - fromX) * (toY - fromY));
    }
  }
  return out;
}

function centred(box: Float32Array, columns: number): Float32Array {
  let [mass, sumX, sumY] = [0, 0, 0];
  box.forEach((v, i) => {
    mass += v;
    sumX += v * ((i % columns) + 0.5);
    sumY += v * (Math.floor(i / columns) + 0.5);
  });
  const place = (sum: number): number => (mass > 0 ? Math.round(middle - sum / mass) : 0);
  const [left, top] = [place(sumX), place(sumY)];
  const out = new Float32Array(pixels);
  box.forEach((v, i) => {
    const [x, y] = [left + (i % columns), top + Math.floor(i / columns)];
    if (x >= 0 && y >= 0 && x < side && y < side) out[y * side + x] = v;
  });
  return out;
}
