/**
 * Orthogonal adapters as peft stores them. `oft_R` (since 0.14) has the upper triangles of skew blocks that turn what a
 * layer reads; `oft_r` (before) has blocks that turn what it gives; `boft_R` stages of blocks that mix ever farther
 * inputs, with a factor `boft_s` for each output.
 *
 * Source: huggingface/peft src/peft/tuners/{oft,boft}/layer.py (`get_delta_weight`). Its layers know no strength other
 * than 1; here the change counts by it, as with other kinds. A file without its configuration is read as current peft
 * makes it (OneTrainer writes such files).
 */

import type { Matrix } from './matrix.ts';
import { multiplied, rotated, skewed, turnsOf } from './oft.ts';
import type { ModuleTensors, PeftRotation } from './slots.ts';

const current: PeftRotation = { terms: 5 };

/** Change of the weight [out, in, ...kernel], whose columns are all that one output reads. */
export function peftRotated(t: ModuleTensors, weight: Matrix): Matrix {
  const [rows, settings] = [weight.shape[0]!, t.rotation ?? current];
  const columns = weight.data.length / rows;
  if (t.has('oft_r')) return changeOf(weight, ofOutputs(t.need('oft_r'), settings, weight));
  const stages = t.find('boft_R');
  if (stages) {
    const [, count, size] = stages.shape as [number, number, number];
    if (count * size !== columns) return misfit(rows, count * size);
    return changeOf(weight, butterflies(stages, weight.data, columns), t.find('boft_s')?.data);
  }
  const stored = t.need('oft_R');
  const size = sizeOfTriangle(stored.data.length / stored.shape[0]!);
  const isShared = stored.shape[0] === 1;
  if (isShared ? columns % size !== 0 : stored.shape[0]! * size !== columns)
    return misfit(rows, stored.shape[0]! * size);
  return changeOf(weight, turnedColumns(rotationsOf(stored, size, settings), size, weight.data));
}

/** Of the shape that the blocks are for, which no weight of another one has. */
function misfit(rows: number, columns: number): Matrix {
  return { shape: [rows, columns], data: new Float32Array(rows * columns) };
}

function changeOf(weight: Matrix, turned: Float32Array, factors?: Float32Array): Matrix {
  const columns = weight.data.length / weight.shape[0]!;
  const factor = (i: number): number => factors?.[Math.floor(i / columns)] ?? 1;
  return { shape: weight.shape, data: turned.map((x, i) => x * factor(i) - weight.data[i]!) };
}

/** n of n (n - 1) / 2. */
const sizeOfTriangle = (cells: number): number => Math.round((1 + Math.sqrt(1 + 8 * cells)) / 2);

/** [blocks, size, size] from upper triangles, row by row. */
function rotationsOf({ shape, data }: Matrix, size: number, settings: PeftRotation): Float64Array {
  const [blocks, cells, each] = [shape[0]!, size * size, data.length / shape[0]!];
  const upper = new Float64Array(blocks * cells);
  for (let block = 0; block < blocks; block++) {
    let at = block * each;
    for (let i = 0; i < size; i++) for (let j = i + 1; j < size; j++) upper[block * cells + i * size + j] = data[at++]!;
  }
  const skew = limited(skewed(upper, size, 1), size, settings.limit);
  return settings.terms === undefined ? turnsOf(skew.map(negative), size) : series(skew, size, settings);
}

const negative = (x: number): number => -x;

/** Each block no longer than `limit` over the root of their number. */
function limited(skew: Float64Array, size: number, limit: number | undefined): Float64Array {
  if (limit === undefined) return skew;
  const cells = size * size;
  const most = limit / Math.sqrt(skew.length / cells);
  const norms = Array.from({ length: skew.length / cells }, (_, block) =>
    Math.hypot(...skew.subarray(block * cells, (block + 1) * cells)),
  );
  return skew.map((x, i) => x * Math.min(1, most / norms[Math.floor(i / cells)]!));
}

/** I + 2 Q + 2 Q^2 + ... of each block, the last power once: Neumann's series for (I + Q)(I - Q)^-1. */
function series(skew: Float64Array, size: number, { terms = 5, wholeLastTerm = false }: PeftRotation): Float64Array {
  const [cells, out] = [size * size, new Float64Array(skew.length)];
  // With four terms or fewer upstream's loop ends at the same power.
  const last = terms <= 2 ? terms - 1 : wholeLastTerm ? terms - 1 : Math.max(terms - 1, 3);
  for (let at = 0; at < skew.length; at += cells) {
    const q = skew.subarray(at, at + cells);
    let power = q.map((_, i) => (i % (size + 1) === 0 ? 1 : 0));
    const sum = power.slice();
    for (let n = 1; n <= last; n++) {
      power = multiplied(power, q, size);
      const factor = n === last && n > 2 && !wholeLastTerm ? 1 : 2;
      for (const [i, x] of power.entries()) sum[i]! += factor * x;
    }
    out.set(sum, at);
  }
  return out;
}

/** W R^T on groups of `size` columns; the only block, where there is one, is for all groups. */
function turnedColumns(rotations: Float64Array, size: number, values: Float32Array): Float32Array {
  const groups = rotations.length / (size * size);
  return values.map((_, i) => {
    const [first, own] = [i - (i % size), i % size];
    const from = ((first / size) % groups) * size * size + own * size;
    let sum = 0;
    for (let j = 0; j < size; j++) sum += rotations[from + j]! * values[first + j]!;
    return sum;
  });
}

/** Blocks that turn groups of rows; what the last one has beyond the rows is cut off. */
function ofOutputs({ shape, data }: Matrix, { limit }: PeftRotation, weight: Matrix): Float32Array {
  const [blocks, size] = [shape[0]!, shape.at(-1)!];
  const groups = Math.ceil(weight.shape[0]! / size);
  if (blocks !== 1 && blocks !== groups) return new Float32Array(weight.data.length).fill(Number.NaN);
  const stored = limited(Float64Array.from(data), size, limit === undefined ? undefined : limit * size * size);
  const rotations = turnsOf(skewed(stored, size, -0.5), size);
  const all = new Float64Array(groups * size * size);
  for (let group = 0; group < groups; group++) {
    const from = (blocks === 1 ? 0 : group) * size * size;
    all.set(rotations.subarray(from, from + size * size), group * size * size);
  }
  return rotated(all, size, weight);
}

/** Stage i turns inputs that lie 2^i half blocks apart. */
function butterflies({ shape, data }: Matrix, values: Float32Array, columns: number): Float32Array {
  const [stages, count, size] = shape as [number, number, number];
  const rotations = turnsOf(skewed(data, size, -0.5), size);
  const each = count * size * size;
  let turned = values;
  for (let stage = 0; stage < stages; stage++) {
    const order = inputOrder(columns, size, stage);
    const placed = (i: number): number => i - (i % columns) + order[i % columns]!;
    const ordered = new Float32Array(turned.length);
    for (const [i, x] of turned.entries()) ordered[placed(i)] = x;
    const made = turnedColumns(rotations.subarray(stage * each, (stage + 1) * each), size, ordered);
    turned = turned.map((_, i) => made[placed(i)]!);
  }
  return turned;
}

/** Where each input goes before a stage: in a span of 2^stage blocks the first half goes to even half blocks, the rest between. */
function inputOrder(columns: number, size: number, stage: number): number[] {
  const [half, span] = [size / 2, size * 2 ** stage];
  const order = new Array<number>(columns);
  for (let at = 0; at < columns; at++) {
    const [start, within] = [at - (at % span), at % span];
    const [piece, inside] = [Math.floor(within / half), within % half];
    const pieces = span / half;
    const from = piece < pieces / 2 ? 2 * piece : 2 * (piece - pieces / 2) + 1;
    order[at] = start + from * half + inside;
  }
  return order;
}
