/** Small dense matrices in float32, as adapters need them: row-major, shapes as stored. */

export interface Matrix {
  /** Any number of axes; the first are rows, the others together columns. */
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

const columnsOf = ({ shape }: Matrix): number => shape.slice(1).reduce((product, size) => product * size, 1);

/** [n, ...] @ [...] flattened: rows of `a` by columns of `b`, [a rows, b columns]. */
export function product(a: Matrix, b: Matrix): Matrix {
  const [rows, inner, columns] = [a.shape[0]!, columnsOf(a), columnsOf(b)];
  const data = new Float32Array(rows * columns);
  for (let r = 0; r < rows; r++) {
    const row = data.subarray(r * columns, (r + 1) * columns);
    for (let k = 0; k < inner; k++) {
      const factor = a.data[r * inner + k]!;
      if (factor === 0) continue;
      const from = k * columns;
      for (let c = 0; c < columns; c++) row[c]! += factor * b.data[from + c]!;
    }
  }
  return { shape: [rows, ...b.shape.slice(1)], data };
}

/** [r, c] to [c, r]; further axes of one are dropped. */
export function transposed(m: Matrix): Matrix {
  const [rows, columns] = [m.shape[0]!, columnsOf(m)];
  const data = new Float32Array(m.data.length);
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) data[c * rows + r] = m.data[r * columns + c]!;
  return { shape: [columns, rows], data };
}

/**
 * What a Tucker core joins: [o, p] and [q, i] through the core [p, q, ...k] to [o, i, ...k].
 */
export function tucker(outer: Matrix, core: Matrix, inner: Matrix): Matrix {
  return product(outer, tuckerInner(core, inner));
}

/** The core [p, q, ...k] with its second axis taken through [q, i]: [p, i, ...k]. */
export function tuckerInner(core: Matrix, inner: Matrix): Matrix {
  const [p, q, ...kernel] = core.shape as [number, number, ...number[]];
  const [i, cells] = [columnsOf(inner), kernel.reduce((a, b) => a * b, 1)];
  const data = new Float32Array(p * i * cells);
  for (let a = 0; a < p; a++) {
    for (let b = 0; b < q; b++) {
      const from = (a * q + b) * cells;
      for (let c = 0; c < i; c++) {
        const factor = inner.data[b * i + c]!;
        const to = (a * i + c) * cells;
        for (let k = 0; k < cells; k++) data[to + k]! += factor * core.data[from + k]!;
      }
    }
  }
  return { shape: [p, i, ...kernel], data };
}

/** Kronecker product of [a, b] and [c, d, ...k]: [a*c, b*d, ...k]. */
export function kronecker(left: Matrix, right: Matrix): Matrix {
  const [a, b] = [left.shape[0]!, columnsOf(left)];
  const [c, d = 1, ...kernel] = right.shape as [number, number, ...number[]];
  const cells = kernel.reduce((x, y) => x * y, 1);
  const data = new Float32Array(a * b * c * d * cells);
  for (let i = 0; i < a * c; i++) {
    for (let j = 0; j < b * d; j++) {
      const factor = left.data[Math.floor(i / c) * b + Math.floor(j / d)]!;
      const from = ((i % c) * d + (j % d)) * cells;
      const to = (i * b * d + j) * cells;
      for (let k = 0; k < cells; k++) data[to + k] = factor * right.data[from + k]!;
    }
  }
  return { shape: [a * c, b * d, ...kernel], data };
}

export function scaled({ shape, data }: Matrix, factor: number): Matrix {
  return { shape, data: factor === 1 ? data : data.map((x) => x * factor) };
}

/** The inverse of a square matrix [n, n] by Gauss-Jordan elimination with pivots, in float64. */
export function inverse(values: Float64Array, n: number): Float64Array {
  const a = values.slice();
  const out = new Float64Array(n * n);
  for (let i = 0; i < n; i++) out[i * n + i] = 1;
  for (let column = 0; column < n; column++) {
    let pivot = column;
    for (let r = column + 1; r < n; r++) {
      if (Math.abs(a[r * n + column]!) > Math.abs(a[pivot * n + column]!)) pivot = r;
    }
    for (const m of [a, out]) swapRows(m, n, pivot, column);
    const scale = 1 / a[column * n + column]!;
    for (const m of [a, out]) for (let c = 0; c < n; c++) m[column * n + c]! *= scale;
    for (let r = 0; r < n; r++) {
      const factor = a[r * n + column]!;
      if (r === column || factor === 0) continue;
      for (const m of [a, out]) for (let c = 0; c < n; c++) m[r * n + c]! -= factor * m[column * n + c]!;
    }
  }
  return out;
}

function swapRows(m: Float64Array, n: number, a: number, b: number): void {
  if (a === b) return;
  for (let c = 0; c < n; c++) [m[a * n + c], m[b * n + c]] = [m[b * n + c]!, m[a * n + c]!];
}
