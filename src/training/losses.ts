/**
 * Losses of diffusion and autoencoder training on graph values. Means are over every element unless said otherwise.
 *
 * Pseudo-Huber: Song and Dhariwal 2023, arXiv:2310.14189, in
 * the scaling of kohya's trainer. Gaussians: Kingma and Welling 2014, arXiv:1312.6114.
 */

import { add, div, exp, mean, mul, sqrt, sub, sum } from '#graph/build';
import { filled, mse } from '#graph/compose';
import type { Value } from '#graph/value';

/** Axes of one item: all but the batch. */
const itemAxes = (x: Value): number[] => x.shape.slice(1).map((_, i) => i + 1);

/** Squared error of every item, times its weight. `weights` is [batch]. */
export function weightedMse(prediction: Value, target: Value, weights: Value): { loss: Value; perItem: Value } {
  const perItem = mean(mse(prediction, target, 'none'), itemAxes(prediction));
  return { loss: mean(mul(perItem, weights)), perItem };
}

export const lossTypes = ['l2', 'huber', 'smooth_l1'] as const;
export type LossType = (typeof lossTypes)[number];

export interface ElementLossOptions {
  readonly type: LossType;
  /** Where the error turns from square to straight; broadcasts to the prediction. Not needed for `l2`. */
  readonly c?: Value | undefined;
  /** Factor on each element, broadcasts to the prediction. */
  readonly mask?: Value | undefined;
}

/** Error of every element: d^2, pseudo-Huber 2 c (sqrt(d^2 + c^2) - c), or kohya's smooth L1, 2 (sqrt(d^2 + c^2) - c). */
export function elementLoss(prediction: Value, target: Value, { type, c, mask }: ElementLossOptions): Value {
  const square = mse(prediction, target, 'none');
  if (type === 'l2') return masked(square, mask);
  const straight = mul(sub(sqrt(add(square, mul(c!, c!))), c!), 2);
  return masked(type === 'huber' ? mul(straight, c!) : straight, mask);
}

const masked = (loss: Value, mask: Value | undefined): Value => (mask ? mul(loss, mask) : loss);

/**
 * Mean over items of their own means times their weights [batch]; `area`: over the mask's area instead of all elements,
 * so that small masks count as much as large ones.
 */
export function weightedLoss(loss: Value, weights: Value, area?: Value): { loss: Value; perItem: Value } {
  const perItem = mean(loss, itemAxes(loss));
  const plain = mean(mul(perItem, weights));
  if (!area) return { loss: plain, perItem };
  const share = mean(mul(area, filled(1, loss.dtype, loss.shape)));
  return { loss: div(plain, share), perItem };
}

/** mean + exp(logVariance / 2) * noise */
export function gaussianSample(mu: Value, logVariance: Value, noise: Value): Value {
  return add(mu, mul(exp(mul(logVariance, 0.5)), noise));
}

/**
 * Minus the log density of x under N(mean, exp(logVariance)), summed over each item: [batch].
 * @internal Held to its goldens; nothing asks for it yet.
 */
export function gaussianNll(x: Value, mu: Value, logVariance: Value): Value {
  const d = sub(x, mu);
  const inner = add(add(logVariance, Math.log(2 * Math.PI)), div(mul(d, d), exp(logVariance)));
  return mul(sum(inner, itemAxes(x)), 0.5);
}
