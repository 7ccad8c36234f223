/**
 * Orthogonal fine-tuning: rows of a weight turned in groups, by rotations that are stored as what Cayley's map makes
 * them of.
 *
 * Sources: OFT (Qiu et al. 2023, arXiv:2306.07280) and BOFT (Liu et al. 2023, arXiv:2311.06243) as kohya-ss/sd-scripts
 * networks/oft.py and LyCORIS lycoris/modules/{diag_oft,boft}.py store them. LyCORIS' own scaling of each BOFT stage is
 * left out.
 */

import { inverse, type Matrix } from './matrix.ts';
import type { ModuleTensors } from './slots.ts';

export function oftDelta(t: ModuleTensors, weight: Matrix): Matrix {
  const blocks = t.find('oft_blocks') ?? t.need('oft_diag');
  const rows = weight.shape[0]!;
  const constraint = (t.find('alpha')?.data[0] ?? 0) * rows;
  const size = blocks.shape.at(-1)!;
  const rotations = t.has('oft_diag') ? Float64Array.from(blocks.data) : cayley(blocks, size, constraint);
  const turned = blocks.shape.length === 4 ? butterfly(rotations, blocks, weight) : rotated(rotations, size, weight);
  const factors = t.find('rescale')?.data;
  const columns = weight.data.length / rows;
  return {
    shape: weight.shape,
    data: turned.map((x, i) => x * (factors?.[Math.floor(i / columns)] ?? 1) - weight.data[i]!),
  };
}

/** Of each block, Q = B - B^T, its norm kept below `constraint` unless that is 0. */
function cayley({ data }: Matrix, size: number, constraint: number): Float64Array {
  const skew = skewed(data, size, 1);
  const norm = Math.sqrt(skew.reduce((sum, x) => sum + x * x, 0));
  const shrink = constraint > 0 && norm > constraint ? constraint / norm : 1;
  return turnsOf(
    skew.map((x) => x * shrink),
    size,
  );
}

/** `factor` (B - B^T) of each block B [size, size]. */
export function skewed(data: ArrayLike<number>, size: number, factor: number): Float64Array {
  const cells = size * size;
  return Float64Array.from(data, (x, at) => {
    const [i, j] = [Math.floor((at % cells) / size), at % size];
    return factor * (x - data[at - (at % cells) + j * size + i]!);
  });
}

/** Cayley's map of each skew block Q [size, size]: (I + Q)(I - Q)^-1. */
export function turnsOf(skew: Float64Array, size: number): Float64Array {
  const cells = size * size;
  const out = new Float64Array(skew.length);
  const unit = (i: number): number => (i % (size + 1) === 0 ? 1 : 0);
  for (let at = 0; at < skew.length; at += cells) {
    const q = skew.subarray(at, at + cells);
    const inverted = inverse(
      q.map((x, i) => unit(i) - x),
      size,
    );
    const sum = q.map((x, i) => unit(i) + x);
    out.set(multiplied(sum, inverted, size), at);
  }
  return out;
}

/** The product of two square matrices [size, size]. */
export function multiplied(a: Float64Array, b: Float64Array, size: number): Float64Array<ArrayBuffer> {
  return a.map((_, cell) => {
    const [i, j] = [Math.floor(cell / size), cell % size];
    let sum = 0;
    for (let k = 0; k < size; k++) sum += a[i * size + k]! * b[k * size + j]!;
    return sum;
  });
}

/** Rows in groups of `size`, each group taken through its block's transpose: einsum("k n m, k n ... -> k m ..."). */
export function rotated(blocks: Float64Array, size: number, { shape, data }: Matrix): Float32Array {
  const [rows, columns] = [shape[0]!, data.length / shape[0]!];
  const out = new Float32Array(data.length);
  for (let row = 0; row < rows; row++) {
    const block = Math.floor(row / size) * size * size;
    const first = Math.floor(row / size) * size;
    for (let n = 0; n < size && first + n < rows; n++) {
      const factor = blocks[block + n * size + (row - first)]!;
      for (let c = 0; c < columns; c++) out[row * columns + c]! += factor * data[(first + n) * columns + c]!;
    }
  }
  return out;
}

/** BOFT: stage i mixes rows that lie 2^i half blocks apart, through the blocks themselves. */
function butterfly(blocks: Float64Array, { shape }: Matrix, weight: Matrix): Float32Array {
  const [stages, count, size] = shape as [number, number, number, number];
  const columns = weight.data.length / weight.shape[0]!;
  let current = weight.data;
  for (let stage = 0; stage < stages; stage++) {
    const apart = 2 ** stage * (size / 2);
    // Position in "(c k g)" of the row at "(c g k)".
    const source = (at: number): number => {
      const [c, rest] = [Math.floor(at / (2 * apart)), at % (2 * apart)];
      return c * 2 * apart + (rest % 2) * apart + Math.floor(rest / 2);
    };
    const next = new Float32Array(current.length);
    for (let at = 0; at < count * size; at++) {
      const block = Math.floor(at / size);
      const to = source(at) * columns;
      for (let j = 0; j < size; j++) {
        const factor = blocks[((stage * count + block) * size + (at % size)) * size + j]!;
        const from = source(block * size + j) * columns;
        for (let c = 0; c < columns; c++) next[to + c]! += factor * current[from + c]!;
      }
    }
    current = next;
  }
  return current;
}
