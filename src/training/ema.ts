/**
 * Exponential moving average of weights: the decay in force at an optimisation step.
 * Source: diffusers `EMAModel.get_decay` (training_utils.py); the shadow moves by (1 - decay) * (value - shadow).
 */

import { add, mul, sub } from '#graph/build';
import type { Value } from '#graph/value';

export interface EmaOptions {
  readonly decay?: number;
  readonly minDecay?: number;
  readonly updateAfterStep?: number;
  /** Warm-up 1 - (1 + k / invGamma)^-power instead of (1 + k) / (10 + k). */
  readonly useWarmup?: boolean;
  readonly invGamma?: number;
  readonly power?: number;
}

/** Decay at 1-based optimisation step `step`; 0 means "copy the weights". */
export function emaDecay(step: number, options: EmaOptions = {}): number {
  const { decay = 0.9999, minDecay = 0, updateAfterStep = 0, useWarmup = false, invGamma = 1, power = 2 / 3 } = options;
  const k = Math.max(0, step - updateAfterStep - 1);
  if (k <= 0) return 0;
  const value = useWarmup ? 1 - (1 + k / invGamma) ** -power : (1 + k) / (10 + k);
  return Math.max(Math.min(value, decay), minDecay);
}

/** The shadow after a step: `keep` is the decay, a scalar; 0 copies `value`. */
export function emaUpdate(shadow: Value, value: Value, keep: Value): Value {
  return add(value, mul(sub(shadow, value), keep));
}
