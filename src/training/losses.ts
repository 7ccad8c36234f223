/**
 * Losses of diffusion and autoencoder training on graph values. Means are over every element unless said otherwise.
 *
 * Prior preservation: Ruiz et al. 2023, arXiv:2208.12242. Pseudo-Huber: Song and Dhariwal 2023, arXiv:2310.14189, in
 * the scaling of kohya's trainer. Gaussians: Kingma and Welling 2014, arXiv:1312.6114.
 */

import { add, div, exp, mean, mul, sliceAxis, sqrt, sub, sum } from '#graph/build';
import { filled, mse } from '#graph/compose';
import type { Value } from '#graph/value';

/** Axes of one item: all but the batch. */
const itemAxes = (x: Value): number[] => x.shape.slice(1).map((_, i) => i + 1);

/** Squared error of every item, times its weight. `weights` is [batch]. */
export function weightedMse(prediction: Value, target: Value, weights: Value): { loss: Value; perItem: Value } {
  const perItem = mean(mse(prediction, target, 'none'), itemAxes(prediction));
  return { loss: mean(mul(perItem, weights)), perItem };
}

/**
 * Squared error under a mask that broadcasts to the prediction: `loss` is over the number of elements, as trainers
 * have it; `normalised` over the area of the mask.
 * @internal Held to its goldens; nothing asks for it yet.
 */
export function maskedMse(prediction: Value, target: Value, mask: Value): { loss: Value; normalised: Value } {
  const masked = mul(mse(prediction, target, 'none'), mask);
  const area = sum(mul(mask, filled(1, prediction.dtype, prediction.shape)));
  return { loss: mean(masked), normalised: div(sum(masked), area) };
}

/**
 * A batch whose first half are instance pictures, the second half pictures of the class.
 * @internal Held to its goldens; nothing asks for it yet.
 */
export function priorPreservation(
  prediction: Value,
  target: Value,
  priorWeight: number,
): { loss: Value; instance: Value; prior: Value } {
  const half = (prediction.shape[0] as number) / 2;
  const part = (x: Value, i: number): Value => sliceAxis(x, 0, i * half, (i + 1) * half);
  const instance = mse(part(prediction, 0), part(target, 0));
  const prior = mse(part(prediction, 1), part(target, 1));
  return { loss: add(instance, mul(prior, priorWeight)), instance, prior };
}

/**
 * 2 c (sqrt(d^2 + c^2) - c)
 * @internal Held to its goldens; nothing asks for it yet.
 */
export function pseudoHuber(prediction: Value, target: Value, c: number): Value {
  return mul(diffusionSmoothL1(prediction, target, c), c);
}

/** 2 (sqrt(d^2 + c^2) - c): kohya's smooth L1, which is not PyTorch's. */
export function diffusionSmoothL1(prediction: Value, target: Value, c: number): Value {
  const square = mse(prediction, target, 'none');
  return mul(mean(sub(sqrt(add(square, c * c)), c)), 2);
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
