/**
 * Prodigy (Mishchenko and Defazio 2024, arXiv:2306.06101, algorithm 4, the Adam form): the step size d is estimated
 * from how far the weights have moved against the gradients, so the learning rate is a factor that stays near 1.
 * Weight decay is decoupled. d and its numerator are shared by all parameters.
 *
 * Left out: the reference package's bias correction, safeguarded warm-up and growth limit.
 */

import { z } from 'zod';
import { abs, add, div, greater, maximum, mul, sqrt, sub, sum, where } from '#graph/build';
import type { Value } from '#graph/value';
import type { Operand, Optimizer, OptimizerUpdate, Scalars } from '../optimizer.ts';
import { betas, epsilon, weightDecay } from './options.ts';

export const prodigyOptions = z.strictObject({
  betas: betas.default([0.9, 0.999]),
  /** Decay of the sums behind d; the square root of the second beta by default. */
  beta3: z.number().min(0).lt(1).optional(),
  eps: epsilon.default(1e-8),
  weightDecay: weightDecay.default(0),
  /** First estimate of d. */
  d0: z.number().positive().default(1e-6),
  /** Factor on the estimate. */
  dCoefficient: z.number().positive().default(1),
});

type Options = z.output<typeof prodigyOptions> & { readonly beta3: number };

export function prodigy(options: z.input<typeof prodigyOptions> = {}): Optimizer {
  const parsed = prodigyOptions.parse(options);
  const given: Options = { ...parsed, beta3: parsed.beta3 ?? Math.sqrt(parsed.betas[1]) };
  return {
    name: 'prodigy',
    slots: (shape) => ({
      m: { shape, initial: 0 },
      v: { shape, initial: 0 },
      s: { shape, initial: 0 },
      first: { shape, initial: 'parameter' },
    }),
    shared: { d: given.d0, numerator: 0 },
    scalars: (_step, learningRate) => ({ rate: learningRate }),
    update: (operands, scalars, shared) => updateAll(operands, scalars.rate!, shared, given),
  };
}

const total = (values: readonly Value[]): Value => values.reduce((a, b) => add(a, b));

function updateAll(operands: readonly Operand[], rate: Value, shared: Scalars, options: Options) {
  const { beta3, d0, dCoefficient } = options;
  const d = shared.d!;
  const step = mul(d, rate);
  const weight = mul(step, div(d, d0));
  const moved = operands.map(({ parameter, gradient, slots }) => sum(mul(gradient, sub(slots.first!, parameter))));
  const numerator = add(mul(shared.numerator!, beta3), mul(weight, total(moved)));
  const sums = operands.map(({ gradient, slots }) => add(mul(slots.s!, beta3), mul(gradient, weight)));
  const denominator = total(sums.map((s) => sum(abs(s))));
  const some = greater(denominator, 0);
  const estimate = mul(div(numerator, where(some, denominator, 1)), dCoefficient);
  const next = where(some, maximum(d, estimate), d);
  const updates = operands.map((o, i) => updateOne(o, sums[i]!, { d, next, step }, options));
  return { updates, shared: { d: next, numerator } };
}

function updateOne(
  { parameter, gradient, slots, decays }: Operand,
  s: Value,
  { d, next, step }: { readonly d: Value; readonly next: Value; readonly step: Value },
  { betas: [beta1, beta2], eps, weightDecay: decay }: Options,
): OptimizerUpdate {
  const scaled = mul(gradient, d);
  const m = add(mul(slots.m!, beta1), mul(scaled, 1 - beta1));
  const v = add(mul(slots.v!, beta2), mul(mul(scaled, scaled), 1 - beta2));
  const change = div(mul(m, step), add(sqrt(v), mul(next, eps)));
  const kept = decays && decay > 0 ? sub(parameter, mul(parameter, mul(step, decay))) : parameter;
  return { parameter: sub(kept, change), slots: { m, v, s, first: slots.first! } };
}
