/**
 * Edges by Canny (1986, "A computational approach to edge detection") as OpenCV finds them: Sobel gradients of the
 * strongest channel, |dx| + |dy|, thinned along four directions, weak edges kept where they touch strong ones.
 * Source: OpenCV 4 modules/imgproc/src/canny.cpp (its fixed-point tangents included).
 */

import type { PixelImage } from '#core/image';
import { greyPicture } from './scaled.ts';

/** Tangent of 22.5 degrees in 15 fractional bits; that of 67.5 is 2 more. */
const tangent22 = Math.trunc((Math.SQRT2 - 1) * 2 ** 15 + 0.5);

/** White edges on black. */
export function canny(image: PixelImage, first: number, second: number): PixelImage {
  const { width, height } = image;
  const [low, high] =
    first < second ? [Math.floor(first), Math.floor(second)] : [Math.floor(second), Math.floor(first)];
  const gradients = strongestGradients(image);
  const marks = thinned(gradients, width, height, low, high);
  const edges = connected(marks, width, height);
  return greyPicture(
    width,
    height,
    edges.map((edge) => edge * 255),
  );
}

interface Gradients {
  readonly dx: Int16Array;
  readonly dy: Int16Array;
  readonly size: Int32Array;
}

/** Of each pixel the channel whose gradient is largest; pixels beyond the edge repeat it. */
function strongestGradients({ width, height, channels, data }: PixelImage): Gradients {
  const cells = width * height;
  const found: Gradients = {
    dx: new Int16Array(cells),
    dy: new Int16Array(cells),
    size: new Int32Array(cells).fill(-1),
  };
  for (let y = 0; y < height; y++) {
    const rows = [Math.max(y - 1, 0), y, Math.min(y + 1, height - 1)].map((row) => row * width) as [
      number,
      number,
      number,
    ];
    for (let x = 0; x < width; x++) {
      const [left, right] = [Math.max(x - 1, 0), Math.min(x + 1, width - 1)];
      for (let c = 0; c < channels; c++) {
        const at = (row: number, column: number): number => data[(row + column) * channels + c]!;
        const [up, here, down] = rows;
        const dx =
          at(up, right) - at(up, left) + 2 * (at(here, right) - at(here, left)) + at(down, right) - at(down, left);
        const dy = at(down, left) - at(up, left) + 2 * (at(down, x) - at(up, x)) + at(down, right) - at(up, right);
        const size = Math.abs(dx) + Math.abs(dy);
        const i = here + x;
        if (size <= found.size[i]!) continue;
        found.size[i] = size;
        found.dx[i] = dx;
        found.dy[i] = dy;
      }
    }
  }
  return found;
}

const nothing = 0;
const weak = 1;
const strong = 2;

/** Keeps what is largest across its direction: `strong` above `high`, `weak` above `low`. */
function thinned({ dx, dy, size }: Gradients, width: number, height: number, low: number, high: number): Uint8Array {
  const marks = new Uint8Array(width * height);
  const sizeAt = (x: number, y: number): number =>
    x < 0 || y < 0 || x >= width || y >= height ? 0 : size[y * width + x]!;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const i = y * width + x;
      const m = size[i]!;
      if (m <= low) continue;
      const [across, along] = [Math.abs(dx[i]!), Math.abs(dy[i]!) * 2 ** 15];
      const flat = across * tangent22;
      const steep = flat + across * 2 ** 16;
      let isLargest: boolean;
      if (along < flat) isLargest = m > sizeAt(x - 1, y) && m >= sizeAt(x + 1, y);
      else if (along > steep) isLargest = m > sizeAt(x, y - 1) && m >= sizeAt(x, y + 1);
      else {
        const s = (dx[i]! ^ dy[i]!) < 0 ? -1 : 1;
        isLargest = m > sizeAt(x - s, y - 1) && m > sizeAt(x + s, y + 1);
      }
      if (isLargest) marks[i] = m > high ? strong : weak;
    }
  }
  return marks;
}

/** 1 where a mark is strong, or weak and joined to a strong one over its eight neighbours. */
function connected(marks: Uint8Array, width: number, height: number): Uint8Array {
  const edges = new Uint8Array(marks.length);
  const open: number[] = [];
  for (let i = 0; i < marks.length; i++) {
    if (marks[i] !== strong) continue;
    edges[i] = 1;
    open.push(i);
  }
  for (let i = open.pop(); i !== undefined; i = open.pop()) {
    const [x, y] = [i % width, Math.floor(i / width)];
    for (let v = Math.max(y - 1, 0); v <= Math.min(y + 1, height - 1); v++) {
      for (let u = Math.max(x - 1, 0); u <= Math.min(x + 1, width - 1); u++) {
        const j = v * width + u;
        if (edges[j] === 1 || marks[j] === nothing) continue;
        edges[j] = 1;
        open.push(j);
      }
    }
  }
  return edges;
}
