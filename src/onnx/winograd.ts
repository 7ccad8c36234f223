/**
 * Winograd convolution F(4x4, 3x3) as plain graph operators (Lavin & Gray 2016, arXiv:1509.09308): 4x4 outputs of a 3x3
 * kernel cost 36 products instead of 144.
 *
 *   Y = A^T [ (G w G^T) . (B^T x B) ] A     per 6x6 input tile and pair of channels, summed over input channels
 *
 * The two-sided transforms of tiles are one convolution with 36 fixed kernels (input, stride 4) and one transposed
 * convolution with 36 fixed kernels (output, stride 4); the products are 36 matrix products. Transformed weights are
 * four times as large and are computed by the runtime when it folds constants at load, so this form is for weights
 * that are known then, and is planned under a budget of bytes. Left out: F(2x2), whose transforms eat its gain.
 */

import { f32, type HostTensor } from '#core/tensor';
import { addDims, type Dim, divideDims, evaluateDim, mulDims, symbolsOf } from '#graph/dim';
import { type Graph, topological, type Value } from '#graph/value';
import type { ModelBuilder } from './builder.ts';

const inputTransform = [
  [4, 0, -5, 0, 1, 0],
  [0, -4, -4, 1, 1, 0],
  [0, 4, -4, -1, 1, 0],
  [0, -2, -1, 2, 1, 0],
  [0, 2, -1, -2, 1, 0],
  [0, 4, 0, -5, 0, 1],
];
const weightTransform = [
  [1 / 4, 0, 0],
  [-1 / 6, -1 / 6, -1 / 6],
  [-1 / 6, 1 / 6, -1 / 6],
  [1 / 24, 1 / 12, 1 / 6],
  [1 / 24, -1 / 12, 1 / 6],
  [0, 0, 1],
];
const outputTransform = [
  [1, 1, 1, 1, 1, 0],
  [0, 1, -1, 2, -2, 0],
  [0, 1, 1, 4, 4, 0],
  [0, 1, -1, 8, -8, 1],
];

const TILE = 4;
const POINTS = 36;

/** M (x) M: rows are pairs of rows, columns pairs of columns. */
function squared(matrix: readonly (readonly number[])[]): number[][] {
  return matrix.flatMap((p) => matrix.map((q) => p.flatMap((a) => q.map((b) => a * b))));
}

function matrixTensor(rows: readonly (readonly number[])[], shape: readonly number[]): HostTensor {
  return f32(shape, rows.flat());
}

function transposed(rows: readonly (readonly number[])[]): number[][] {
  return rows[0]!.map((_, i) => rows.map((row) => row[i]!));
}

/** Emits the convolution; `weight` is [k, c, 3, 3] and constant when the session is built. */
export function lowerWinograd(b: ModelBuilder, v: Value<'conv2d'>, inputs: readonly string[]): string {
  const [n, c, h, w] = b.bindShape(v.inputs[0]!.shape) as [Dim, number, Dim, Dim];
  const k = v.shape[1] as number;
  const [down, across] = [tilesAlong(h)!, tilesAlong(w)!];
  const tiles = mulDims(down.count, across.count);
  const planes = b.reshape(inputs[0]!, [mulDims(n, c), 1, h, w]);
  const kernels = b.constant(matrixTensor(squared(inputTransform), [POINTS, 1, 6, 6]));
  const spread = b.node('Conv', [planes, kernels], {
    strides: [TILE, TILE],
    pads: [1, 1, 1 + down.surplus, 1 + across.surplus],
  });
  const points = b.node('Transpose', [b.reshape(spread, [n, c, POINTS, tiles])], { perm: [0, 2, 1, 3] });
  const products = b.node('MatMul', [transformedWeights(b, inputs[1]!, k, c), points]);
  const perChannel = b.node('Transpose', [products], { perm: [0, 2, 1, 3] });
  const grid = b.reshape(perChannel, [mulDims(n, k), POINTS, down.count, across.count]);
  const back = b.constant(matrixTensor(transposed(squared(outputTransform)), [POINTS, 1, TILE, TILE]));
  const gathered = b.node('ConvTranspose', [grid, back], { strides: [TILE, TILE] });
  const full = b.reshape(gathered, [n, k, addDims(h, down.surplus), addDims(w, across.surplus)]);
  const cropped =
    down.surplus + across.surplus === 0
      ? full
      : b.node('Slice', [full, b.ints([0, 0]), b.sizes([h, w]), b.ints([2, 3])]);
  return inputs[2] ? b.node('Add', [cropped, b.reshape(inputs[2], [k, 1, 1])]) : cropped;
}

/** G w G^T for every pair of channels, [36, k, c]. */
function transformedWeights(b: ModelBuilder, weight: string, k: number, c: number): string {
  const transform = b.constant(matrixTensor(squared(weightTransform), [POINTS, 9]));
  const flat = b.node('Gemm', [transform, b.reshape(weight, [k * c, 9])], { transB: 1 });
  return b.reshape(flat, [POINTS, k, c]);
}

/** Tiles that cover an axis, and how far they reach beyond it; undefined where an open size need not be a multiple. */
function tilesAlong(size: Dim): { readonly count: Dim; readonly surplus: number } | undefined {
  if (typeof size === 'number') {
    const count = Math.ceil(size / TILE);
    return { count, surplus: count * TILE - size };
  }
  const count = divideDims(size, TILE);
  return count === undefined ? undefined : { count, surplus: 0 };
}

/** Products per element that the transforms cost beyond their arithmetic: they are bound by memory. Measured. */
const TRANSFORM_COST = 525;
/** Fewer tiles a picture leave the matrix products too narrow. */
const LEAST_TILES = 16;
/** Stands for every open size when convolutions are ranked (512 x 512 pictures of a four-level U-Net). */
const NOMINAL_SIZE = 8;

interface Candidate {
  readonly conv: Value<'conv2d'>;
  readonly bytes: number;
  readonly gain: number;
}

/**
 * The convolutions to lower this way: those that save most time per byte of larger weights, as many as the budget
 * holds. `isConstant` tells the parameters whose weights are known.
 */
export function planWinograd(
  b: ModelBuilder,
  graph: Graph,
  isConstant: (parameter: string) => boolean,
  memoryBudget: number,
): ReadonlySet<Value> {
  const planned = new Set<Value>();
  if (memoryBudget <= 0 || b.target !== 'cpu') return planned;
  const candidates = topological(Object.values(graph.outputs)).flatMap((v) => {
    const weight = v.op === 'conv2d' ? v.inputs[1]! : undefined;
    const known = weight?.op === 'parameter' && isConstant(weight.attrs.name);
    const candidate = v.op === 'conv2d' && known ? candidateOf(b, v) : undefined;
    return candidate ? [candidate] : [];
  });
  let left = memoryBudget;
  for (const { conv, bytes } of candidates.sort((p, q) => q.gain / q.bytes - p.gain / p.bytes)) {
    if (bytes > left) continue;
    left -= bytes;
    planned.add(conv);
  }
  return planned;
}

function candidateOf(b: ModelBuilder, conv: Value<'conv2d'>): Candidate | undefined {
  const { stride, padding, dilation, groups } = conv.attrs;
  const [k, c, kh, kw] = conv.inputs[1]!.shape as number[];
  const plain = [...stride, ...padding, ...dilation, groups].every((a) => a === 1) && kh === 3 && kw === 3;
  if (!plain || conv.dtype !== 'f32') return undefined;
  const [h, w] = b.bindShape(conv.shape.slice(2)) as [Dim, Dim];
  const [down, across] = [tilesAlong(h), tilesAlong(w)];
  if (!down || !across) return undefined;
  const tiles = nominal(down.count) * nominal(across.count);
  const direct = 9 * k! * c! * nominal(h) * nominal(w);
  const winograd = tiles * TILE * TILE * ((POINTS / TILE ** 2) * k! * c! + TRANSFORM_COST * (k! + c!));
  if (tiles < LEAST_TILES || winograd >= direct) return undefined;
  return { conv, gain: direct - winograd, bytes: 4 * (POINTS - 9) * k! * c! };
}

function nominal(size: Dim): number {
  return evaluateDim(size, Object.fromEntries(symbolsOf(size).map((s) => [s, NOMINAL_SIZE])));
}
