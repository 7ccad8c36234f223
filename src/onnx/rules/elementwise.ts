/** Elementwise operations. Fused activations where ONNX Runtime has one for the dtype (f32, f16). */

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

/** x * sigmoid(alpha x): one pass over memory where the runtime has the fused kernel. */
const gatedSigmoid =
  (alpha: number): LoweringRule<'silu' | 'quickGelu'> =>
  (b, v, [x]) => {
    if (v.dtype !== 'f64') return b.fused('QuickGelu', [x!], { alpha: float(alpha) });
    const scaled = alpha === 1 ? x! : b.node('Mul', [x!, b.filled(v.dtype, alpha)]);
    return b.node('Mul', [x!, b.node('Sigmoid', [scaled])]);
  };

export const elementwiseRules: LoweringTable<ElementwiseOp> = {
  neg: direct('Neg'),
  abs: direct('Abs'),
  sign: direct('Sign'),
  exp: direct('Exp'),
  log: direct('Log'),
  sqrt: direct('Sqrt'),
  rsqrt: (b, _, [x]) => b.node('Reciprocal', [b.node('Sqrt', [x!])]),
  reciprocal: direct('Reciprocal'),
  sin: direct('Sin'),
  cos: direct('Cos'),
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

  add: direct('Add'),
  sub: direct('Sub'),
  mul: direct('Mul'),
  div: direct('Div'),
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
