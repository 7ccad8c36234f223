/**
 * Gradients of normalisations and softmax in closed form. Means and deviations are recomputed from the operand in the
 * same form by every rule, so that common-subexpression elimination shares them.
 *
 * Group normalisation follows the two-sums form of Wu & He (2018) as implementations use it: per sample and channel
 * only the sums of g and g*(x - mean) touch the picture; the gradient is then a*g + b*(x - mean) + c with a, b, c per
 * channel.
 */

import * as b from '../build.ts';
import { countOf } from '../compose.ts';
import { type Dim, divideDims, productOf } from '../dim.ts';
import type { OpAttrs } from '../ops.ts';
import type { Value } from '../value.ts';
import { type GradientRules, range } from './rule.ts';

type NormalisationOp = Extract<keyof OpAttrs, 'groupNorm' | 'layerNorm' | 'rmsNorm' | 'softmax' | 'logSoftmax'>;

const rstd = (variance: Value, eps: number): Value => b.reciprocal(b.sqrt(b.add(variance, eps)));

/** Deviations from the mean of the last axis, and 1/sqrt(variance + eps). */
function standardise(x: Value, eps: number): { d: Value; r: Value } {
  const d = b.sub(x, b.mean(x, [-1], true));
  return { d, r: rstd(b.mean(b.mul(d, d), [-1], true), eps) };
}

function sumLeading(x: Value): Value {
  return b.sum(x, range(0, x.shape.length - 1));
}

function groupNormForms(v: Value<'groupNorm'>, g: Value) {
  const [x, weight] = v.inputs as [Value, Value];
  const { groups, eps } = v.attrs;
  const [n, c] = x.shape as [Dim, Dim];
  const spatial = productOf(x.shape.slice(2));
  const perGroup = divideDims(c, groups)!;
  const { d, r } = standardise(b.reshape(x, [n, groups, productOf([perGroup, spatial])]), eps);
  const picture = [n, groups, perGroup, spatial];
  const d4 = b.reshape(d, picture);
  const g4 = b.reshape(g, picture);
  const r4 = b.reshape(r, [n, groups, 1, 1]);
  const w4 = b.reshape(weight, [1, groups, perGroup, 1]);
  // [n, groups, perGroup, 1]: sums over the picture of g and of g * (x - mean)
  const s1 = b.sum(g4, [3], true);
  const s2 = b.sum(b.mul(g4, d4), [3], true);
  return { x, d4, g4, r4, w4, s1, s2, count: countOf([perGroup, spatial], v.dtype), channels: [c] };
}

export const normalisationGradients: GradientRules<NormalisationOp> = {
  groupNorm: (v, g) => {
    const f = groupNormForms(v, g);
    const perGroup = (s: Value) => b.div(b.sum(b.mul(f.w4, s), [2], true), f.count);
    const dx = (): Value => {
      const offset = b.mul(b.neg(f.r4), perGroup(f.s1));
      const slope = b.mul(b.neg(b.mul(f.r4, b.mul(f.r4, f.r4))), perGroup(f.s2));
      const sum = b.add(b.mul(f.g4, b.mul(f.r4, f.w4)), b.mul(f.d4, slope));
      return b.reshape(b.add(sum, offset), f.x.shape);
    };
    return [
      dx,
      () => b.reshape(b.sum(b.mul(f.s2, f.r4), [0]), f.channels),
      () => b.reshape(b.sum(f.s1, [0]), f.channels),
    ];
  },
  layerNorm: (v, g) => {
    const [x, weight] = v.inputs as [Value, Value];
    const { d, r } = standardise(x, v.attrs.eps);
    const normal = b.mul(d, r);
    const dx = (): Value => {
      const gw = b.mul(g, weight);
      const along = b.mul(normal, b.mean(b.mul(gw, normal), [-1], true));
      return b.mul(b.sub(b.sub(gw, b.mean(gw, [-1], true)), along), r);
    };
    return [dx, () => sumLeading(b.mul(g, normal)), () => sumLeading(g)];
  },
  rmsNorm: (v, g) => {
    const [x, weight] = v.inputs as [Value, Value];
    const r = rstd(b.mean(b.mul(x, x), [-1], true), v.attrs.eps);
    const normal = b.mul(x, r);
    const dx = (): Value => {
      const gw = b.mul(g, weight);
      return b.mul(b.sub(gw, b.mul(normal, b.mean(b.mul(gw, normal), [-1], true))), r);
    };
    return [dx, () => sumLeading(b.mul(g, normal))];
  },
  softmax: (v, g) => [() => b.mul(v, b.sub(g, b.sum(b.mul(g, v), [v.attrs.axis], true)))],
  logSoftmax: (v, g) => [() => b.sub(g, b.mul(b.exp(v), b.sum(g, [v.attrs.axis], true)))],
};
