/**
 * Matrix products, convolutions and attention. The forms are those that measured fastest (bench/README.md, "Lowering
 * choices"); each function says what it computes, not what lost.
 */

import { type Dim, sameDim } from '#graph/dim';
import type { Value } from '#graph/value';
import { float, type ModelBuilder } from '../builder.ts';
import type { LoweringTable } from '../rule.ts';
import { lowerConvTranspose } from './conv-transpose.ts';
import { lowerConvWeightGrad } from './conv-weight-grad.ts';

export type ContractionOp = 'matmul' | 'linear' | 'conv2d' | 'convTranspose2d' | 'conv2dWeightGrad' | 'attention';

export const contractionRules: LoweringTable<ContractionOp> = {
  matmul: (b, _, inputs) => b.node('MatMul', inputs),
  linear: lowerLinear,
  conv2d: (b, { attrs }, inputs) =>
    b.node('Conv', inputs, {
      strides: attrs.stride,
      pads: attrs.padding,
      dilations: attrs.dilation,
      group: attrs.groups,
    }),
  convTranspose2d: lowerConvTranspose,
  conv2dWeightGrad: lowerConvWeightGrad,
  attention: lowerAttention,
};

/** On the CPU the weight is read as it is stored, [out, in]: no transposed copy of it is made. */
function lowerLinear(b: ModelBuilder, _: Value<'linear'>, [x, weight, bias]: readonly string[]): string {
  const blocks = b.blockWeights.get(weight!);
  if (blocks) {
    const operands = [x!, weight!, blocks.scales, ...(blocks.zeroPoints ? [blocks.zeroPoints] : [])];
    const product = b.fused('MatMulNBits', operands, blocks.attributes);
    return bias ? b.node('Add', [product, bias]) : product;
  }
  if (b.target === 'cpu') {
    const product = b.fused('FusedMatMul', [x!, weight!], { transB: 1 });
    return bias ? b.node('Add', [product, bias]) : product;
  }
  // A Gemm with a transposed weight is 3 to 5 times slower there; a known weight is transposed once, at load.
  const product = b.node('MatMul', [x!, b.node('Transpose', [weight!], { perm: [1, 0] })]);
  return bias ? b.node('Add', [product, bias]) : product;
}

/** Far below any logit, within f16: stands for minus infinity, which some GPU drivers may not represent. */
const MASKED = -6e4;

function lowerAttention(b: ModelBuilder, v: Value<'attention'>, inputs: readonly string[]): string {
  const [q, k] = v.inputs as [Value, Value];
  const bias = attentionBias(b, v, inputs[3], q.shape[1]!, k.shape[1]!);
  if (v.dtype === 'f64' || b.attention === 'plain') return plainAttention(b, v, inputs, bias);
  const operands = [inputs[0]!, inputs[1]!, inputs[2]!];
  return b.fused('MultiHeadAttention', bias ? [...operands, '', '', bias] : operands, {
    num_heads: v.attrs.heads,
    scale: float(v.attrs.scale),
  });
}

/** The mask and the causal rule as one addend of shape [b | 1, heads | 1, t, s]. */
function attentionBias(
  b: ModelBuilder,
  v: Value<'attention'>,
  mask: string | undefined,
  t: Dim,
  s: Dim,
): string | undefined {
  const causal = v.attrs.causal ? causalBias(b, v, t, s) : undefined;
  if (!mask) return causal;
  const shape = v.inputs[3]!.shape;
  const leading: Dim[] = Array.from({ length: 4 - shape.length }, () => 1);
  const full = [...leading, ...shape];
  const ranked = leading.length === 0 ? mask : b.reshape(mask, full);
  const wide =
    sameDim(full[2]!, t) && sameDim(full[3]!, s) ? ranked : b.node('Expand', [ranked, b.sizes([1, 1, t, s])]);
  return causal ? b.node('Add', [wide, causal]) : wide;
}

/** 0 where key j <= query i, otherwise MASKED: [1, 1, t, s] */
function causalBias(b: ModelBuilder, v: Value<'attention'>, t: Dim, s: Dim): string {
  const filled = b.node('Expand', [b.filled(v.dtype, MASKED), b.sizes([t, s])]);
  const upper = b.node('Trilu', [filled, b.filled('i64', 1)], { upper: 1 });
  return b.reshape(upper, [1, 1, t, s]);
}

/** For dtypes without a fused kernel, and devices whose kernel is wrong. */
function plainAttention(b: ModelBuilder, v: Value<'attention'>, inputs: readonly string[], bias?: string): string {
  const { heads, scale } = v.attrs;
  const split = (i: number, perm: readonly number[]): string => {
    const [n, tokens, width] = v.inputs[i]!.shape as [Dim, Dim, number];
    return b.node('Transpose', [b.reshape(inputs[i]!, [n, tokens, heads, width / heads])], { perm });
  };
  const product = b.node('MatMul', [split(0, [0, 2, 1, 3]), split(1, [0, 2, 3, 1])]);
  const scaled = b.node('Mul', [product, b.filled(v.dtype, scale)]);
  const weights = b.node('Softmax', [bias ? b.node('Add', [scaled, bias]) : scaled], { axis: -1 });
  const mixed = b.node('MatMul', [weights, split(2, [0, 2, 1, 3])]);
  return b.reshape(b.node('Transpose', [mixed], { perm: [0, 2, 1, 3] }), v.shape);
}
