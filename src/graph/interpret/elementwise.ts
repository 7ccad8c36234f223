/** Elementwise operations in float64. Booleans are 0 and 1. */

import { type DType, isFloat } from '#core/dtype';
import type { BinaryOp, CompareOp, LogicalOp, OpAttrs, UnaryOp } from '../ops.ts';
import { GraphError } from '../shapes.ts';
import type { Value } from '../value.ts';
import { broadcastData, type Dense, type Frame, type InterpretRules } from './dense.ts';

type ElementwiseOp =
  | UnaryOp
  | BinaryOp
  | CompareOp
  | LogicalOp
  | Extract<keyof OpAttrs, 'leakyRelu' | 'elu' | 'clamp' | 'cast' | 'where'>;

const map =
  (f: (x: number) => number) =>
  (_: unknown, [x]: readonly Dense[]): Float64Array =>
    x!.data.map(f);

const zip =
  (f: (x: number, y: number, dtype: DType) => number) =>
  (v: Value, [x, y]: readonly Dense[], { shape }: Frame): Float64Array => {
    const [a, b] = [broadcastData(x!, shape), broadcastData(y!, shape)];
    return a.map((value, i) => f(value, b[i]!, v.dtype));
  };

const test = (f: (x: number, y: number) => boolean) => zip((x, y) => (f(x, y) ? 1 : 0));

/**
 * The error function to full double precision: up to 3 by the series erf x = 2/sqrt(pi) e^(-x^2) sum 2^n x^(2n+1) /
 * (2n+1)!!, whose terms are all positive, beyond by Lentz's evaluation of the continued fraction of erfc
 * (Abramowitz & Stegun 7.1.6 and 7.1.14).
 */
export function erf(x: number): number {
  const a = Math.abs(x);
  if (a > 6) return Math.sign(x);
  if (a > 3) return Math.sign(x) * (1 - erfcFraction(a));
  let term = a;
  let sum = a;
  for (let n = 1; term > sum * 1e-17; n++) {
    term *= (2 * a * a) / (2 * n + 1);
    sum += term;
  }
  return Math.sign(x) * ((2 / Math.sqrt(Math.PI)) * Math.exp(-a * a) * sum);
}

function erfcFraction(x: number): number {
  let tail = x;
  for (let n = 60; n > 0; n--) tail = x + n / 2 / tail;
  return Math.exp(-x * x) / (Math.sqrt(Math.PI) * tail);
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

function geluTanh(x: number): number {
  return 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
}

function divide(x: number, y: number, dtype: DType): number {
  if (isFloat(dtype)) return x / y;
  if (y === 0) throw new GraphError('div', 'integer division by zero');
  return Math.trunc(x / y);
}

export const elementwiseRules: InterpretRules<ElementwiseOp> = {
  neg: map((x) => -x),
  abs: map(Math.abs),
  sign: map(Math.sign),
  exp: map(Math.exp),
  log: map(Math.log),
  sqrt: map(Math.sqrt),
  rsqrt: map((x) => 1 / Math.sqrt(x)),
  reciprocal: map((x) => 1 / x),
  sin: map(Math.sin),
  cos: map(Math.cos),
  tanh: map(Math.tanh),
  sigmoid: map(sigmoid),
  erf: map(erf),
  floor: map(Math.floor),
  relu: map((x) => Math.max(x, 0)),
  silu: map((x) => x * sigmoid(x)),
  gelu: map((x) => 0.5 * x * (1 + erf(x * Math.SQRT1_2))),
  geluTanh: map(geluTanh),
  quickGelu: map((x) => x * sigmoid(1.702 * x)),
  softplus: map((x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))),
  logicalNot: map((x) => 1 - x),
  stopGradient: map((x) => x),
  leakyRelu: (v, [x]) => x!.data.map((a) => (a > 0 ? a : v.attrs.slope * a)),
  elu: (v, [x]) => x!.data.map((a) => (a > 0 ? a : v.attrs.alpha * Math.expm1(a))),
  clamp: (v, [x]) => x!.data.map((a) => Math.min(Math.max(a, v.attrs.min), v.attrs.max)),
  cast: (v, [x]) => {
    const { to } = v.attrs;
    if (to === 'bool') return x!.data.map((a) => (a === 0 ? 0 : 1));
    return isFloat(to) ? x!.data.slice() : x!.data.map(Math.trunc);
  },
  where: (_, [condition, x, y], { shape }) => {
    const [a, b] = [broadcastData(x!, shape), broadcastData(y!, shape)];
    return broadcastData(condition!, shape).map((c, i) => (c ? a[i]! : b[i]!));
  },

  add: zip((x, y) => x + y),
  sub: zip((x, y) => x - y),
  mul: zip((x, y) => x * y),
  div: zip(divide),
  pow: zip((x, y) => x ** y),
  maximum: zip((x, y) => Math.max(x, y)),
  minimum: zip((x, y) => Math.min(x, y)),
  equal: test((x, y) => x === y),
  greater: test((x, y) => x > y),
  less: test((x, y) => x < y),
  greaterEqual: test((x, y) => x >= y),
  lessEqual: test((x, y) => x <= y),
  logicalAnd: test((x, y) => x !== 0 && y !== 0),
  logicalOr: test((x, y) => x !== 0 || y !== 0),
};
