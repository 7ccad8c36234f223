/**
 * Prodigy (Mishchenko and Defazio 2024, arXiv:2306.06101, algorithm 4, the Adam form): the step size d is estimated
 * from how far the weights have moved against the gradients, so the learning rate is a factor that stays near 1.
 * d and its numerator are shared by all parameters. Options as in the authors' package prodigyopt 1.1, to which
 * prodigy.json holds them. Left out: its `slice_p`, which spares memory, and what belongs to several devices.
 */

import { z } from 'zod';
import { abs, add, div, equal, greater, maximum, minimum, mul, sqrt, sub, sum, where } from '#graph/build';
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
  /** Largest factor by which d grows in a step, after it has left its first value. */
  growthRate: z.number().min(1).optional(),
  /** Adam's bias correction, as a factor of the learning rate. */
  useBiasCorrection: z.boolean().default(false),
  /** The learning rate does not weigh gradients in the sums below d, so that a warm-up does not make d too large. */
  safeguardWarmup: z.boolean().default(false),
  /** Weight decay beside the gradient (as AdamW) or within it (as Adam with L2). */
  decouple: z.boolean().default(true),
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
    shared: { d: given.d0, numerator: 0, ...(given.growthRate && { longest: given.d0 }) },
    scalars: (step, learningRate) => ({
      rate: learningRate * (given.useBiasCorrection ? biasCorrection(given.betas, step) : 1),
    }),
    update: (operands, scalars, shared) => updateAll(operands, scalars.rate!, shared, given),
  };
}

/** sqrt(1 - beta2^t) / (1 - beta1^t) at 1-based step t. */
const biasCorrection = ([beta1, beta2]: readonly [number, number], step: number): number =>
  Math.sqrt(1 - beta2 ** step) / (1 - beta1 ** step);

const total = (values: readonly Value[]): Value => values.reduce((a, b) => add(a, b));

function updateAll(given: readonly Operand[], rate: Value, shared: Scalars, options: Options) {
  const { beta3, d0, safeguardWarmup } = options;
  const operands = options.decouple ? given : given.map((o) => withDecay(o, options.weightDecay));
  const d = shared.d!;
  const step = mul(d, rate);
  const moved = operands.map(({ parameter, gradient, slots }) => sum(mul(gradient, sub(slots.first!, parameter))));
  const numerator = add(mul(shared.numerator!, beta3), mul(mul(step, div(d, d0)), total(moved)));
  const weight = mul(safeguardWarmup ? d : step, div(d, d0));
  const sums = operands.map(({ gradient, slots }) => add(mul(slots.s!, beta3), mul(gradient, weight)));
  const next = nextLength(numerator, total(sums.map((s) => sum(abs(s)))), shared, options);
  const updates = operands.map((o, i) => updateOne(o, sums[i]!, { d, next: next.d!, step }, options));
  return { updates, shared: { ...next, numerator } };
}

/** d, and where its growth is bounded the largest estimate so far. */
function nextLength(numerator: Value, denominator: Value, shared: Scalars, options: Options): Scalars {
  const { d0, dCoefficient, growthRate } = options;
  const d = shared.d!;
  const some = greater(denominator, 0);
  const estimate = mul(div(numerator, where(some, denominator, 1)), dCoefficient);
  const longest = where(some, maximum(shared.longest ?? d, estimate), shared.longest ?? d);
  if (growthRate === undefined) return { d: longest };
  const left = where(equal(d, d0), maximum(d, estimate), d);
  return { d: where(some, minimum(longest, mul(left, growthRate)), d), longest };
}

function withDecay(operand: Operand, decay: number): Operand {
  const { parameter, gradient, decays } = operand;
  return decays && decay > 0 ? { ...operand, gradient: add(gradient, mul(parameter, decay)) } : operand;
}

function updateOne(
  { parameter, gradient, slots, decays }: Operand,
  s: Value,
  { d, next, step }: { readonly d: Value; readonly next: Value; readonly step: Value },
  { betas: [beta1, beta2], eps, weightDecay: decay, decouple }: Options,
): OptimizerUpdate {
  const scaled = mul(gradient, d);
  const m = add(mul(slots.m!, beta1), mul(scaled, 1 - beta1));
  const v = add(mul(slots.v!, beta2), mul(mul(scaled, scaled), 1 - beta2));
  const change = div(mul(m, step), add(sqrt(v), mul(next, eps)));
  const kept = decouple && decays && decay > 0 ? sub(parameter, mul(parameter, mul(step, decay))) : parameter;
  return { parameter: sub(kept, change), slots: { m, v, s, first: slots.first! } };
}
