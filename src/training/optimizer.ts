/**
 * Optimisers as graphs: one update rule each, written on values so that a whole training step is one session run.
 *
 * `scalars` are the numbers that change every step; they are computed in double precision on the host (bias
 * corrections lose their leading digits in float32) and fed.
 */

import type { Shape } from '#core/tensor';
import * as g from '#graph/build';
import { add, mul, sqrt, sub } from '#graph/build';
import type { Value } from '#graph/value';

export interface OptimizerUpdate {
  readonly parameter: Value;
  readonly slots: Readonly<Record<string, Value>>;
}

export interface Optimizer {
  readonly name: string;
  /** State kept for one parameter: slot name -> shape and first value. */
  slots(shape: Shape): Readonly<Record<string, { readonly shape: Shape; readonly initial: number }>>;
  /** Numbers fed at 1-based step `step` with learning rate `learningRate`. */
  scalars(step: number, learningRate: number): Readonly<Record<string, number>>;
  update(
    parameter: Value,
    gradient: Value,
    slots: Readonly<Record<string, Value>>,
    scalars: Readonly<Record<string, Value>>,
  ): OptimizerUpdate;
}

export interface AdamWOptions {
  readonly betas?: readonly [number, number];
  readonly eps?: number;
  readonly weightDecay?: number;
}

/**
 * AdamW (Loshchilov and Hutter 2019, algorithm 2, as torch.optim.AdamW): decay first, then bias-corrected Adam with
 * eps outside the root.
 */
export function adamW({ betas = [0.9, 0.999], eps = 1e-8, weightDecay = 0.01 }: AdamWOptions = {}): Optimizer {
  const [beta1, beta2] = betas;
  return {
    name: 'adamw',
    slots: (shape) => ({ m: { shape, initial: 0 }, v: { shape, initial: 0 } }),
    scalars: (step, learningRate) => ({
      decay: 1 - learningRate * weightDecay,
      rate: learningRate / (1 - beta1 ** step),
      rootCorrection: 1 / Math.sqrt(1 - beta2 ** step),
    }),
    update(parameter, gradient, slots, scalars) {
      const m = add(mul(slots.m!, beta1), mul(gradient, 1 - beta1));
      const v = add(mul(slots.v!, beta2), mul(mul(gradient, gradient), 1 - beta2));
      const denominator = add(mul(sqrt(v), scalars.rootCorrection!), eps);
      const step = g.div(mul(m, scalars.rate!), denominator);
      return { parameter: sub(mul(parameter, scalars.decay!), step), slots: { m, v } };
    },
  };
}
