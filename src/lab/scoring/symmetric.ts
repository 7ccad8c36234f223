/** Eigenvalues and eigenvectors of symmetric matrices: the cyclic method of Jacobi (Golub and Van Loan, section 8.5). */

/** Row-major [n, n]. */
export type Matrix = Float64Array;

const sweeps = 60;

/** `a` = V diag(values) V^T; vectors are the columns of V. `a` is left unchanged. */
export function eigen(a: Matrix, n: number): { readonly values: Float64Array; readonly vectors: Matrix } {
  const m = a.slice();
  const vectors = new Float64Array(n * n);
  for (let i = 0; i < n; i++) vectors[i * n + i] = 1;
  for (let sweep = 0; sweep < sweeps && offDiagonal(m, n) > 1e-22 * diagonal(m, n); sweep++) {
    for (let p = 0; p < n - 1; p++) for (let q = p + 1; q < n; q++) rotate(m, vectors, n, p, q);
  }
  return { values: Float64Array.from({ length: n }, (_, i) => m[i * n + i]!), vectors };
}

/** Sum of squares beside the diagonal. */
function offDiagonal(m: Matrix, n: number): number {
  let total = 0;
  for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) if (i !== j) total += m[i * n + j]! ** 2;
  return total;
}

function diagonal(m: Matrix, n: number): number {
  let total = 0;
  for (let i = 0; i < n; i++) total += m[i * n + i]! ** 2;
  return total;
}

/** Makes the entry (p, q) zero. */
function rotate(m: Matrix, vectors: Matrix, n: number, p: number, q: number): void {
  const apq = m[p * n + q]!;
  if (apq === 0) return;
  const tau = (m[q * n + q]! - m[p * n + p]!) / (2 * apq);
  const t = Math.sign(tau || 1) / (Math.abs(tau) + Math.sqrt(1 + tau * tau));
  const c = 1 / Math.sqrt(1 + t * t);
  const s = t * c;
  for (let k = 0; k < n; k++) {
    const [kp, kq] = [m[k * n + p]!, m[k * n + q]!];
    m[k * n + p] = c * kp - s * kq;
    m[k * n + q] = s * kp + c * kq;
  }
  for (let k = 0; k < n; k++) {
    const [pk, qk] = [m[p * n + k]!, m[q * n + k]!];
    m[p * n + k] = c * pk - s * qk;
    m[q * n + k] = s * pk + c * qk;
    const [vp, vq] = [vectors[k * n + p]!, vectors[k * n + q]!];
    vectors[k * n + p] = c * vp - s * vq;
    vectors[k * n + q] = s * vp + c * vq;
  }
}

/** The symmetric root of a positive semidefinite matrix; values below zero, which rounding makes, count as zero. */
export function rootOf(a: Matrix, n: number): Matrix {
  const { values, vectors } = eigen(a, n);
  const scaled = vectors.map((v, i) => v * Math.sqrt(Math.max(values[i % n]!, 0)));
  return multiply(scaled, transposed(vectors, n), n);
}

export function multiply(a: Matrix, b: Matrix, n: number): Matrix {
  const out = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < n; k++) {
      const factor = a[i * n + k]!;
      if (factor !== 0) for (let j = 0; j < n; j++) out[i * n + j]! += factor * b[k * n + j]!;
    }
  }
  return out;
}

function transposed(a: Matrix, n: number): Matrix {
  return a.map((_, i) => a[(i % n) * n + Math.floor(i / n)]!);
}
