/**
 * LeNet-5 as published: LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document recognition",
 * Proceedings of the IEEE 86(11), 1998, section II.B, with the squashing function and first weights of appendix A and
 * the discriminative loss of equation 9.
 *
 * What differs: the class codes (codes.ts); the constant j of equation 9, which the paper does not give; the optimiser,
 * which is the trainer's (the paper has a stochastic diagonal Levenberg-Marquardt method).
 */

import { f32 } from '#core/tensor';
import * as g from '#graph/build';
import { nll } from '#graph/compose';
import type { Dim } from '#graph/dim';
import type { Value } from '#graph/value';
import { fixedAxis } from '#models/nn/layers';
import type { Scope } from '#models/nn/scope';
import { classCodes } from './codes.ts';
import { type DigitNetwork, featureWidth, type Reading } from './network.ts';

/** Which maps of S2 each map of C3 reads: table I. */
export const c3Table: readonly (readonly number[])[] = [
  [0, 1, 2],
  [1, 2, 3],
  [2, 3, 4],
  [3, 4, 5],
  [0, 4, 5],
  [0, 1, 5],
  [0, 1, 2, 3],
  [1, 2, 3, 4],
  [2, 3, 4, 5],
  [0, 3, 4, 5],
  [0, 1, 4, 5],
  [0, 1, 2, 5],
  [0, 1, 3, 4],
  [1, 2, 4, 5],
  [0, 2, 3, 5],
  [0, 1, 2, 3, 4, 5],
];

/** Levels of paper and ink at which inputs have mean 0 and variance 1 (section II.B). */
const [paper, ink] = [-0.1, 1.175];
/** Equation 9's j: classes whose penalty is well above it are not pushed further away. */
const j = 20;

/** A tanh(S a) with f(1) = 1 and f(-1) = -1 (appendix A, equation 17). */
function squash(x: Value): Value {
  return g.mul(g.tanh(g.mul(x, 2 / 3)), 1.7159);
}

/** First weights: uniform within 2.4 over the number of inputs (appendix A). */
const within = (inputs: number) => ({ kind: 'uniform', bound: 2.4 / inputs }) as const;

/** [b, c, h, w] -> [b, out, h - 4, w - 4] */
function convolution(scope: Scope, x: Value, out: number): Value {
  const channels = fixedAxis(x, 1);
  const start = within(channels * 25 + 1);
  return g.conv2d(x, scope.parameter('weight', [out, channels, 5, 5], start), scope.parameter('bias', [out], start));
}

/** C3: each map reads the maps that the table says. Maps of as many inputs have one tensor, by their first weights. */
function partialConvolution(scope: Scope, x: Value): Value {
  const channels = fixedAxis(x, 1);
  const mask = c3Table.flatMap((read) => Array.from({ length: channels }, (_, c) => (read.includes(c) ? 1 : 0)));
  const parts = [3, 4, 6].map((inputs) => {
    const maps = c3Table.filter((read) => read.length === inputs).length;
    const part = scope.child(`${inputs}`);
    const start = within(inputs * 25 + 1);
    return [part.parameter('weight', [maps, channels, 5, 5], start), part.parameter('bias', [maps], start)] as const;
  });
  const weight = g.concat(
    parts.map(([w]) => w),
    0,
  );
  const connected = g.mul(weight, g.constant(f32([c3Table.length, channels, 1, 1], mask)));
  return g.conv2d(
    x,
    connected,
    g.concat(
      parts.map(([, b]) => b),
      0,
    ),
  );
}

/** S2, S4: the sum of four inputs times a coefficient plus a bias, one of each for a map. */
function subsampling(scope: Scope, x: Value): Value {
  const shape = [1, fixedAxis(x, 1), 1, 1];
  const sums = g.mul(g.avgPool2d(x, { kernel: 2 }), 4);
  const coefficient = scope.parameter('coefficient', shape, within(5));
  return g.add(g.mul(sums, coefficient), scope.parameter('bias', shape, within(5)));
}

function fullConnection(scope: Scope, x: Value, out: number): Value {
  const inputs = fixedAxis(x, 1);
  const start = within(inputs + 1);
  return g.linear(x, scope.parameter('weight', [out, inputs], start), scope.parameter('bias', [out], start));
}

/** [b, 84] -> squared distances [b, 10] from the class codes: equation 7. */
function radialBasis(x: Value): Value {
  const codes = classCodes();
  const near = g.linear(x, g.constant(codes));
  return g.add(g.sub(g.sum(g.mul(x, x), [1], true), g.mul(near, 2)), codes.shape[1]!);
}

function build(scope: Scope, x: Value): Reading {
  const levels = g.add(g.mul(x, ink - paper), paper);
  const input = g.pad(levels, [0, 0, 2, 2], [0, 0, 2, 2], 'constant', paper);
  const c1 = squash(convolution(scope.child('c1'), input, 6));
  const s2 = squash(subsampling(scope.child('s2'), c1));
  const c3 = squash(partialConvolution(scope.child('c3'), s2));
  const s4 = squash(subsampling(scope.child('s4'), c3));
  const c5 = squash(convolution(scope.child('c5'), s4, 120));
  const flat = g.reshape(c5, [x.shape[0] as Dim, 120]);
  const f6 = squash(fullConnection(scope.child('f6'), flat, featureWidth));
  const penalties = radialBasis(f6);
  return { scores: g.neg(penalties), features: f6, loss: (labels) => discriminative(penalties, labels) };
}

/**
 * Equation 9: the penalty of the right class plus log(exp(-j) + sum of exp(-penalty)), which keeps the others away. The
 * smallest exponent is taken out of the logarithm, so that nothing underflows.
 */
export function discriminative(penalties: Value, labels: Value): Value {
  const right = g.mean(nll(penalties, labels, 1, 'none'));
  const exponents = g.neg(penalties);
  const top = g.stopGradient(g.maximum(g.max(exponents, [1], true), -j));
  const total = g.add(g.sum(g.exp(g.sub(exponents, top)), [1], true), g.exp(g.sub(-j, top)));
  return g.sub(g.mean(g.add(g.log(total), top)), right);
}

export const publishedLenet: DigitNetwork = {
  name: 'lenet-5',
  title: 'LeNet-5 (1998)',
  about: 'As published: C3 by its table, scaled tanh, trainable subsampling, distances from drawn class codes.',
  training: { epochs: 12, learningRate: 0.003 },
  build,
};
