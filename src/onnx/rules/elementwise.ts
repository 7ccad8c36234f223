/** Elementwise operations. Fused activations where ONNX Runtime has one for the dtype (f32, f16). */

import type { Dim } from '#graph/dim';
import type { BinaryOp, CompareOp, LogicalOp, Op, UnaryOp } from '#graph/ops';
import { float } from '../builder.ts';
import type { LoweringRule, LoweringTable } from '../rule.ts';

export type ElementwiseOp =
  | UnaryOp
  | BinaryOp
  | CompareOp
  | LogicalOp
  | 'leakyRelu'
  | 'elu'
  | 'clamp'
  | 'cast'
  | 'where';

/** Operations that are one standard node with the same operands. */
const direct =
  <O extends Op>(opType: string): LoweringRule<O> =>
  (b, _, inputs) =>
    b.node(opType, inputs);

/**
 * Two operands. The runtime broadcasts a scalar over [.., 1, 1] element by element (3.6 times the cost for
 * [256, 256, 1, 1]): the trailing ones are taken off (a view) before the node and put back after it.
 */
const binary =
  <O extends BinaryOp>(opType: string): LoweringRule<O> =>
  (b, v, inputs) => {
    const scalar = v.inputs.findIndex((x) => isScalar(x.shape));
    const rank = v.shape.findLastIndex((d) => d !== 1) + 1;
    const whole = v.inputs[1 - scalar]?.shape.length === v.shape.length;
    if (b.target !== 'cpu' || scalar < 0 || !whole || rank === v.shape.length) return b.node(opType, inputs);
    const operands = inputs.map((x, i) => b.reshape(x, i === scalar ? [] : v.shape.slice(0, rank)));
    return b.reshape(b.node(opType, operands), v.shape);
  };

const isScalar = (shape: readonly Dim[]): boolean => shape.every((d) => d === 1);

/** x * sigmoid(alpha x): one pass over memory where the runtime has the fused kernel. */
const gatedSigmoid =
  (alpha: number): LoweringRule<'silu' | 'quickGelu'> =>
  (b, v, [x]) => {
    if (v.dtype !== 'f64') return b.fused('QuickGelu', [x!], { alpha: float(alpha) });
    const scaled = alpha === 1 ? x! : b.node('Mul', [x!, b.filled(v.dtype, alpha)]);
    return b.node('Mul', [x!, b.node('Sigmoid', [scaled])]);
  };

/**
 * Shading languages promise sine and cosine to 2^-11 alone, which is too coarse for embeddings of time. So a GPU gets a
 * polynomial: the nearest multiple of pi (of sine's zeros; cosine's lie half a turn of pi further) is subtracted in three
 * parts, whose multiples are exact (Cody & Waite 1980), and Taylor's series on [-pi/2, pi/2] ends with the power of 11.
 */
const periodic =
  (opType: 'Sin' | 'Cos'): LoweringRule<'sin' | 'cos'> =>
  (b, v, [x]) => {
    if (b.target === 'cpu' || v.dtype === 'f64') return b.node(opType, [x!]);
    const number = (value: number): string => b.filled(v.dtype, value);
    const scaled = (y: string, factor: number): string => b.node('Mul', [y, number(factor)]);
    const turns = scaled(x!, 1 / Math.PI);
    const nearest = b.node('Floor', [opType === 'Sin' ? b.node('Add', [turns, number(0.5)]) : turns]);
    const zero = opType === 'Sin' ? nearest : b.node('Add', [nearest, number(0.5)]);
    const rest = PI_PARTS.reduce((y, part) => b.node('Sub', [y, scaled(zero, part)]), x!);
    const square = b.node('Mul', [rest, rest]);
    const [last, ...others] = SINE_SERIES;
    const series = others.reduce((y, c) => b.node('Add', [b.node('Mul', [y, square]), number(c)]), number(last));
    const sine = b.node('Add', [rest, b.node('Mul', [b.node('Mul', [rest, square]), series])]);
    // The parity of the zero is the sign: sine rises through even ones, cosine falls.
    const half = scaled(nearest, 0.5);
    const odd = scaled(b.node('Sub', [half, b.node('Floor', [half])]), opType === 'Sin' ? -4 : 4);
    return b.node('Mul', [sine, b.node('Add', [odd, number(opType === 'Sin' ? 1 : -1)])]);
  };

/** Their sum is pi; each but the last has few bits. */
const PI_PARTS = [3.140625, 9.675025939941406e-4, 1.509957990978376e-7];
/** 1/11!, 1/9!, ... 1/3! with their signs. */
const SINE_SERIES = [-1 / 39_916_800, 1 / 362_880, -1 / 5040, 1 / 120, -1 / 6] as const;

export const elementwiseRules: LoweringTable<ElementwiseOp> = {
  neg: direct('Neg'),
  abs: direct('Abs'),
  sign: direct('Sign'),
  exp: direct('Exp'),
  log: direct('Log'),
  sqrt: direct('Sqrt'),
  rsqrt: (b, _, [x]) => b.node('Reciprocal', [b.node('Sqrt', [x!])]),
  reciprocal: direct('Reciprocal'),
  sin: periodic('Sin'),
  cos: periodic('Cos'),
  tanh: direct('Tanh'),
  sigmoid: direct('Sigmoid'),
  erf: direct('Erf'),
  floor: direct('Floor'),
  relu: direct('Relu'),
  silu: gatedSigmoid(1),
  gelu: direct('Gelu'),
  geluTanh: (b, _, [x]) => b.node('Gelu', [x!], { approximate: 'tanh' }),
  quickGelu: gatedSigmoid(1.702),
  softplus: direct('Softplus'),
  logicalNot: direct('Not'),
  stopGradient: (_b, _v, [x]) => x!,
  leakyRelu: (b, { attrs }, [x]) => b.node('LeakyRelu', [x!], { alpha: float(attrs.slope) }),
  elu: (b, { attrs }, [x]) => b.node('Elu', [x!], { alpha: float(attrs.alpha) }),
  clamp: (b, { attrs, dtype }, [x]) => b.node('Clip', [x!, b.filled(dtype, attrs.min), b.filled(dtype, attrs.max)]),
  cast: (b, { attrs }, [x]) => b.cast(x!, attrs.to),

  add: binary('Add'),
  sub: binary('Sub'),
  mul: binary('Mul'),
  div: binary('Div'),
  pow: direct('Pow'),
  maximum: direct('Max'),
  minimum: direct('Min'),
  equal: direct('Equal'),
  greater: direct('Greater'),
  less: direct('Less'),
  greaterEqual: direct('GreaterOrEqual'),
  lessEqual: direct('LessOrEqual'),
  logicalAnd: direct('And'),
  logicalOr: direct('Or'),
  where: direct('Where'),
};
