/**
 * Gradients of matrix products, convolutions and attention.
 *
 * The gradient of a convolution with respect to its input is written as a transposed convolution; lowering turns the
 * stride 1 case into a plain convolution with the flipped kernel, which runs twice as fast on CPU. The attention rule
 * recomputes the probabilities (b*heads*t*s elements) instead of keeping them from the forward pass; the row sums of
 * dP*P are taken as the row sums of dO*O, as in Dao et al., FlashAttention (2022), appendix B.
 */

import type { DType } from '#core/dtype';
import { tensor } from '#core/tensor';
import * as b from '../build.ts';
import { type Dim, divideDims, productOf, subDims } from '../dim.ts';
import { fillHost, lowestFinite } from '../host.ts';
import type { ConvAttrs, OpAttrs, Pair } from '../ops.ts';
import { GraphError } from '../shapes.ts';
import { make, type Value } from '../value.ts';
import { cutAxis, type GradientRules, matrixTranspose, range } from './rule.ts';

type ContractionOp = Extract<
  keyof OpAttrs,
  'matmul' | 'linear' | 'conv2d' | 'convTranspose2d' | 'conv2dWeightGrad' | 'attention'
>;

/** Folds every axis but the last into rows. */
function rows(x: Value): Value {
  return b.reshape(x, [productOf(x.shape.slice(0, -1)), x.shape.at(-1)!]);
}

function sumLeading(g: Value): Value {
  return b.sum(g, range(0, g.shape.length - 1));
}

/** Transposed convolution of `g`, sized to give exactly [.., height, width]. */
export function convInputGradient(g: Value, weight: Value, attrs: ConvAttrs, size: readonly [Dim, Dim]): Value {
  const bare = make('convTranspose2d', [g, weight], { ...attrs, outputPadding: [0, 0] });
  const missing = [subDims(size[0], bare.shape[2]!), subDims(size[1], bare.shape[3]!)] as const;
  if (typeof missing[0] !== 'number' || typeof missing[1] !== 'number') {
    throw new GraphError('conv2d', `the gradient cannot be sized for an input of ${size[0]} x ${size[1]}`);
  }
  return make('convTranspose2d', [g, weight], { ...attrs, outputPadding: missing as unknown as Pair });
}

/** [n, c, h, w] -> [c, n*h*w] */
function channelRows(x: Value): Value {
  const [n, c, h, w] = x.shape as [Dim, Dim, Dim, Dim];
  return b.reshape(b.transpose(x, [1, 0, 2, 3]), [c, productOf([n, h, w])]);
}

function convWeightGradient(x: Value, g: Value, weight: Value, attrs: ConvAttrs): Value {
  const kernel = [weight.shape[2] as number, weight.shape[3] as number] as const;
  const pointwise = [...kernel, ...attrs.stride, attrs.groups].every((v) => v === 1);
  if (pointwise && attrs.padding.every((p) => p === 0)) {
    return b.reshape(b.matmul(channelRows(g), matrixTranspose(channelRows(x))), weight.shape);
  }
  return b.conv2dWeightGrad(x, g, { ...attrs, kernel });
}

/** [b, t, heads*d] -> [b, heads, t, d] */
function splitHeads(x: Value, heads: number): Value {
  const [batch, tokens, width] = x.shape as [Dim, Dim, Dim];
  return b.transpose(b.reshape(x, [batch, tokens, heads, divideDims(width, heads)!]), [0, 2, 1, 3]);
}

/** [b, heads, t, d] -> [b, t, heads*d] */
function mergeHeads(x: Value, like: Value): Value {
  return b.reshape(b.transpose(x, [0, 2, 1, 3]), like.shape);
}

/** Additive mask [t, s] that hides keys after the query's own position. */
export function causalMask(dtype: DType, queries: Dim, keys: Dim): Value {
  if (typeof queries !== 'number' || typeof keys !== 'number') {
    throw new GraphError('attention', `a causal mask needs fixed lengths, got ${queries} queries and ${keys} keys`);
  }
  const hidden = lowestFinite(dtype);
  const at = (i: number): number => (i % keys > Math.floor(i / keys) ? hidden : 0);
  return b.constant(tensor(dtype, [queries, keys], fillHost(dtype, queries * keys, at)));
}

/** softmax(q k^T + mask), [b, heads, t, s], for queries that are scaled already */
function probabilities(v: Value<'attention'>, q: Value, k: Value): Value {
  let logits = b.matmul(q, matrixTranspose(k));
  if (v.inputs[3]) logits = b.add(logits, v.inputs[3]);
  if (v.attrs.causal) logits = b.add(logits, causalMask(v.dtype, v.shape[1]!, v.inputs[1]!.shape[1]!));
  return b.softmax(logits, 3);
}

export const contractionGradients: GradientRules<ContractionOp> = {
  matmul: (v, g) => {
    const [x, y] = v.inputs as [Value, Value];
    const shared = y.shape.length === 2 && x.shape.length > 2;
    return [
      () => b.matmul(g, matrixTranspose(y)),
      () => (shared ? b.matmul(matrixTranspose(rows(x)), rows(g)) : b.matmul(matrixTranspose(x), g)),
    ];
  },
  linear: (v, g) => {
    const [x, weight] = v.inputs as [Value, Value];
    return [
      () => (g.shape.length > 1 ? b.matmul(g, weight) : b.reshape(b.matmul(rows(g), weight), x.shape)),
      () => b.matmul(matrixTranspose(rows(g)), rows(x)),
      () => sumLeading(g),
    ];
  },
  conv2d: (v, g) => {
    const [x, weight] = v.inputs as [Value, Value];
    return [
      () => convInputGradient(g, weight, v.attrs, [x.shape[2]!, x.shape[3]!]),
      () => convWeightGradient(x, g, weight, v.attrs),
      () => b.sum(g, [0, 2, 3]),
    ];
  },
  convTranspose2d: (v, g) => {
    const [x, weight] = v.inputs as [Value, Value];
    const { outputPadding: _, ...attrs } = v.attrs;
    const kernel = [weight.shape[2] as number, weight.shape[3] as number] as const;
    return [
      // An output padding of a whole stride or more adds windows that no input has.
      () => trim(make('conv2d', [g, weight], attrs), x.shape),
      () => trim(b.conv2dWeightGrad(g, x, { ...attrs, kernel }), weight.shape),
      () => b.sum(g, [0, 2, 3]),
    ];
  },
  conv2dWeightGrad: (v, g) => {
    const [x, outputGradient] = v.inputs as [Value, Value];
    const { kernel: _, ...attrs } = v.attrs;
    return [
      () => convInputGradient(outputGradient, g, attrs, [x.shape[2]!, x.shape[3]!]),
      () => trim(make('conv2d', [x, g], attrs), outputGradient.shape),
    ];
  },
  attention: (v, g) => {
    const [q, k, values] = v.inputs as [Value, Value, Value];
    const { heads, scale } = v.attrs;
    const [q4, k4, v4, g4] = [q, k, values, g].map((t) => splitHeads(t, heads)) as [Value, Value, Value, Value];
    // Scaling the queries touches d/s as many elements as scaling the logits.
    const scaled = b.mul(q4, scale);
    const p = probabilities(v, scaled, k4);
    const rowSums = b.sum(b.mul(g4, splitHeads(v, heads)), [3], true);
    const dLogits = b.mul(p, b.sub(b.matmul(g4, matrixTranspose(v4)), rowSums));
    return [
      () => mergeHeads(b.mul(b.matmul(dLogits, k4), scale), q),
      () => mergeHeads(b.matmul(matrixTranspose(dLogits), scaled), k),
      () => mergeHeads(b.matmul(matrixTranspose(p), g4), values),
      () => dLogits,
    ];
  },
};

/** Cuts the two spatial axes down to a shape. */
function trim(x: Value, shape: readonly Dim[]): Value {
  return [2, 3].reduce((t, axis) => cutAxis(t, axis, 0, shape[axis]!), x);
}
