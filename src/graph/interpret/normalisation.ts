/** Normalisations and softmax, row by row. */

import type { OpAttrs } from '../ops.ts';
import { around, type Dense, type InterpretRules } from './dense.ts';

type NormalisationOp = Extract<keyof OpAttrs, 'groupNorm' | 'layerNorm' | 'rmsNorm' | 'softmax' | 'logSoftmax'>;

function meanOf(row: Float64Array): number {
  return row.reduce((a, b) => a + b, 0) / row.length;
}

/** (x - mean) / sqrt(biased variance + eps) */
function standardise(row: Float64Array, eps: number): Float64Array {
  const mean = meanOf(row);
  const scale = 1 / Math.sqrt(meanOf(row.map((x) => (x - mean) ** 2)) + eps);
  return row.map((x) => (x - mean) * scale);
}

/** Applies `f` to consecutive rows of `length` elements. */
function perRow(x: Float64Array, length: number, f: (row: Float64Array) => Float64Array): Float64Array {
  const out = new Float64Array(x.length);
  for (let at = 0; at < x.length; at += length) out.set(f(x.subarray(at, at + length)), at);
  return out;
}

/** Applies `f` to every line along `axis`. */
function alongAxis(x: Dense, axis: number, f: (line: Float64Array) => Float64Array): Float64Array {
  const { outer, size, inner } = around(x.shape, axis);
  const out = new Float64Array(x.data.length);
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < inner; i++) {
      const at = (j: number) => (o * size + j) * inner + i;
      const line = f(Float64Array.from({ length: size }, (_, j) => x.data[at(j)]!));
      for (let j = 0; j < size; j++) out[at(j)] = line[j]!;
    }
  }
  return out;
}

function logSoftmax(line: Float64Array): Float64Array {
  const top = line.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const total = Math.log(line.reduce((a, b) => a + Math.exp(b - top), 0));
  return line.map((x) => x - top - total);
}

export const normalisationRules: InterpretRules<NormalisationOp> = {
  groupNorm: (v, inputs) => {
    const [x, weight, bias] = inputs as [Dense, Dense, Dense];
    const { size: c, inner } = around(x.shape, 1);
    const length = (c / v.attrs.groups) * inner;
    const normal = perRow(x.data, length, (row) => standardise(row, v.attrs.eps));
    const channel = (i: number): number => Math.floor(i / inner) % c;
    return normal.map((y, i) => y * weight.data[channel(i)]! + bias.data[channel(i)]!);
  },
  layerNorm: (v, inputs) => {
    const [x, weight, bias] = inputs as [Dense, Dense, Dense];
    const c = weight.data.length;
    const normal = perRow(x.data, c, (row) => standardise(row, v.attrs.eps));
    return normal.map((y, i) => y * weight.data[i % c]! + bias.data[i % c]!);
  },
  rmsNorm: (v, inputs) => {
    const [x, weight] = inputs as [Dense, Dense];
    return perRow(x.data, weight.data.length, (row) => {
      const scale = 1 / Math.sqrt(meanOf(row.map((a) => a * a)) + v.attrs.eps);
      return row.map((a, i) => a * scale * weight.data[i]!);
    });
  },
  softmax: (v, [x]) => alongAxis(x!, v.attrs.axis, (line) => logSoftmax(line).map(Math.exp)),
  logSoftmax: (v, [x]) => alongAxis(x!, v.attrs.axis, logSoftmax),
};
