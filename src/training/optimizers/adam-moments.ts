/** The moments and the bias-corrected step that Adam (Kingma and Ba 2015, arXiv:1412.6980) and AdamW share. */

import type { Shape } from '#core/tensor';
import { add, div, mul, sqrt } from '#graph/build';
import type { Value } from '#graph/value';
import type { Scalars, Slot } from '../optimizer.ts';

/** Moving averages of the gradient and of its square; shape of the parameter. */
export interface Moments extends Record<string, Value> {
  readonly m: Value;
  readonly v: Value;
}

export function momentSlots(shape: Shape): Readonly<Record<keyof Moments, Slot>> {
  return { m: { shape, initial: 0 }, v: { shape, initial: 0 } };
}

/** lr / (1 - beta1^t) and 1 / sqrt(1 - beta2^t) at 1-based step t. */
export function adamScalars([beta1, beta2]: readonly [number, number], step: number, learningRate: number) {
  return { rate: learningRate / (1 - beta1 ** step), rootCorrection: 1 / Math.sqrt(1 - beta2 ** step) };
}

export function adamMoments(gradient: Value, slots: Scalars, [beta1, beta2]: readonly [number, number]): Moments {
  return {
    m: add(mul(slots.m!, beta1), mul(gradient, 1 - beta1)),
    v: add(mul(slots.v!, beta2), mul(mul(gradient, gradient), 1 - beta2)),
  };
}

/** What is taken off the parameter. */
export function adamStep({ m, v }: Moments, { rate, rootCorrection }: Scalars, eps: number): Value {
  return div(mul(m, rate!), add(mul(sqrt(v), rootCorrection!), eps));
}
