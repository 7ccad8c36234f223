/**
 * Gradients of elementwise operations, in closed form from the operand `x` or the result `v`, whichever is cheaper.
 * Ties of maximum and minimum go to the first operand; clamp passes the gradient at its bounds.
 */

import { isFloat } from '#core/dtype';
import * as b from '../build.ts';
import type { BinaryOp, CompareOp, LogicalOp, OpAttrs, UnaryOp } from '../ops.ts';
import { scalarOf, type Value } from '../value.ts';
import { type GradientRules, noGradient, type OperandGradient } from './rule.ts';

type ElementwiseOp =
  | UnaryOp
  | BinaryOp
  | CompareOp
  | LogicalOp
  | Extract<keyof OpAttrs, 'leakyRelu' | 'elu' | 'clamp' | 'cast' | 'where'>;

/** A rule of one operand: the gradient as a function of operand, result and upstream gradient. */
const unary =
  (rule: (x: Value, v: Value, g: Value) => Value) =>
  (v: Value, g: Value): readonly OperandGradient[] => [() => rule(v.inputs[0]!, v, g)];

const SQRT_HALF = Math.SQRT1_2;
const INV_SQRT_2PI = 1 / Math.sqrt(2 * Math.PI);
const SQRT_2_OVER_PI = Math.sqrt(2 / Math.PI);
const CUBIC = 0.044715;
const QUICK = 1.702;

/** Phi(x) + x phi(x) */
function geluSlope(x: Value): Value {
  const cdf = b.mul(b.add(b.erf(b.mul(x, SQRT_HALF)), 1), 0.5);
  const pdf = b.mul(b.exp(b.mul(b.mul(x, x), -0.5)), INV_SQRT_2PI);
  return b.add(cdf, b.mul(x, pdf));
}

/** With u = sqrt(2/pi) (x + 0.044715 x^3) and t = tanh u: (1 + t)/2 + x/2 (1 - t^2) u' */
function geluTanhSlope(x: Value): Value {
  const square = b.mul(x, x);
  const t = b.tanh(b.mul(b.mul(x, b.add(b.mul(square, CUBIC), 1)), SQRT_2_OVER_PI));
  const inner = b.mul(b.add(b.mul(square, 3 * CUBIC), 1), SQRT_2_OVER_PI);
  const bend = b.mul(b.mul(x, b.sub(1, b.mul(t, t))), inner);
  return b.mul(b.add(b.add(t, 1), bend), 0.5);
}

/** Slope of y = x s with s = sigmoid(c x): s + c y (1 - s), which is exact where s is 0 or 1. */
function gatedSlope(x: Value, y: Value, c: number): Value {
  const times = (a: Value): Value => (c === 1 ? a : b.mul(a, c));
  const s = b.sigmoid(times(x));
  return b.add(s, b.mul(times(y), b.sub(1, s)));
}

function powBase(x: Value, exponent: Value, g: Value): Value {
  const p = scalarOf(exponent);
  if (p === 1) return g;
  if (p === 2) return b.mul(g, b.mul(x, 2));
  if (p !== undefined) return b.mul(g, b.mul(b.pow(x, p - 1), p));
  return b.mul(g, b.mul(exponent, b.pow(x, b.sub(exponent, 1))));
}

export const elementwiseGradients: GradientRules<ElementwiseOp> = {
  neg: unary((_x, _v, g) => b.neg(g)),
  abs: unary((x, _v, g) => b.mul(g, b.sign(x))),
  sign: noGradient,
  exp: unary((_x, v, g) => b.mul(g, v)),
  log: unary((x, _v, g) => b.div(g, x)),
  sqrt: unary((_x, v, g) => b.div(b.mul(g, 0.5), v)),
  rsqrt: unary((_x, v, g) => b.mul(b.mul(g, -0.5), b.mul(v, b.mul(v, v)))),
  reciprocal: unary((_x, v, g) => b.neg(b.mul(g, b.mul(v, v)))),
  sin: unary((x, _v, g) => b.mul(g, b.cos(x))),
  cos: unary((x, _v, g) => b.neg(b.mul(g, b.sin(x)))),
  tanh: unary((_x, v, g) => b.mul(g, b.sub(1, b.mul(v, v)))),
  sigmoid: unary((_x, v, g) => b.mul(g, b.mul(v, b.sub(1, v)))),
  erf: unary((x, _v, g) => b.mul(b.mul(g, 2 / Math.sqrt(Math.PI)), b.exp(b.neg(b.mul(x, x))))),
  floor: noGradient,
  relu: unary((x, _v, g) => b.where(b.greater(x, 0), g, 0)),
  silu: unary((x, v, g) => b.mul(g, gatedSlope(x, v, 1))),
  gelu: unary((x, _v, g) => b.mul(g, geluSlope(x))),
  geluTanh: unary((x, _v, g) => b.mul(g, geluTanhSlope(x))),
  quickGelu: unary((x, v, g) => b.mul(g, gatedSlope(x, v, QUICK))),
  softplus: unary((x, _v, g) => b.mul(g, b.sigmoid(x))),
  logicalNot: noGradient,
  stopGradient: noGradient,
  leakyRelu: (v, g) => [() => b.where(b.greater(v.inputs[0]!, 0), g, b.mul(g, v.attrs.slope))],
  // Below zero the slope alpha e^x is the result plus alpha.
  elu: (v, g) => [() => b.where(b.greater(v.inputs[0]!, 0), g, b.mul(g, b.add(v, v.attrs.alpha)))],
  clamp: (v, g) => {
    const [x] = v.inputs as [Value];
    return [() => b.where(b.logicalAnd(b.greaterEqual(x, v.attrs.min), b.lessEqual(x, v.attrs.max)), g, 0)];
  },
  cast: (v, g) => {
    const [x] = v.inputs as [Value];
    return [isFloat(x.dtype) && isFloat(v.dtype) ? () => b.cast(g, x.dtype) : undefined];
  },
  where: (v, g) => {
    const [condition] = v.inputs as [Value];
    return [undefined, () => b.where(condition, g, 0), () => b.where(condition, 0, g)];
  },

  add: (_, g) => [() => g, () => g],
  sub: (_, g) => [() => g, () => b.neg(g)],
  mul: (v, g) => {
    const [x, y] = v.inputs as [Value, Value];
    return [() => b.mul(g, y), () => b.mul(g, x)];
  },
  div: (v, g) => {
    const [, y] = v.inputs as [Value, Value];
    return [() => b.div(g, y), () => b.neg(b.mul(g, b.div(v, y)))];
  },
  pow: (v, g) => {
    const [x, exponent] = v.inputs as [Value, Value];
    return [() => powBase(x, exponent, g), () => b.mul(g, b.mul(v, b.log(x)))];
  },
  maximum: (v, g) => {
    const [x, y] = v.inputs as [Value, Value];
    return [() => b.where(b.greaterEqual(x, y), g, 0), () => b.where(b.less(x, y), g, 0)];
  },
  minimum: (v, g) => {
    const [x, y] = v.inputs as [Value, Value];
    return [() => b.where(b.lessEqual(x, y), g, 0), () => b.where(b.greater(x, y), g, 0)];
  },
  equal: noGradient,
  greater: noGradient,
  less: noGradient,
  greaterEqual: noGradient,
  lessEqual: noGradient,
  logicalAnd: noGradient,
  logicalOr: noGradient,
};
