/**
 * Adafactor (Shazeer and Stern 2018, arXiv:1804.04235, algorithms 4 to 6), with the details of transformers'
 * `Adafactor`: tensors of two or more axes keep only row and column means of the squared gradient over their last two
 * axes, so the state of a matrix [n, m] is n + m numbers; updates are clipped by their root mean square; steps may be
 * scaled by that of the parameter.
 *
 * With `relativeStep` the learning rate of the run is not used: it is min(1e-2, 1 / sqrt(t)).
 */

import { z } from 'zod';
import type { Shape } from '#core/tensor';
import { add, div, maximum, mean, mul, rsqrt, sqrt, sub } from '#graph/build';
import { unsqueeze } from '#graph/compose';
import type { Value } from '#graph/value';
import {
  type Operand,
  type Optimizer,
  type OptimizerUpdate,
  type Scalars,
  type Slot,
  separately,
} from '../optimizer.ts';
import { epsilon, weightDecay } from './options.ts';

export const adafactorOptions = z.strictObject({
  /** Added to the squared gradient; smallest scale of a parameter. */
  eps: z.tuple([epsilon, epsilon]).default([1e-30, 1e-3]),
  clipThreshold: z.number().positive().default(1),
  /** The second moment's decay at step t is 1 - t^decayRate. */
  decayRate: z.number().negative().default(-0.8),
  /** Decay of a first moment; none by default. */
  beta1: z.number().min(0).lt(1).optional(),
  weightDecay: weightDecay.default(0),
  scaleParameter: z.boolean().default(true),
  relativeStep: z.boolean().default(false),
  /** With `relativeStep`: grows from 1e-6 t. */
  warmupInit: z.boolean().default(false),
});

type Options = z.output<typeof adafactorOptions>;

const rms = (x: Value): Value => sqrt(mean(mul(x, x)));
const isFactored = (shape: readonly unknown[]): boolean => shape.length >= 2;

export function adafactor(options: z.input<typeof adafactorOptions> = {}): Optimizer {
  const given = adafactorOptions.parse(options);
  return {
    name: 'adafactor',
    slots: (shape) => slotsOf(shape, given),
    scalars: (step, learningRate) => {
      const keep = 1 - step ** given.decayRate;
      return { keep, renew: 1 - keep, rate: given.relativeStep ? relativeRate(step, given) : learningRate };
    },
    ...separately((operand, scalars) => updateOne(operand, scalars, given)),
  };
}

function relativeRate(step: number, { warmupInit }: Options): number {
  return Math.min(warmupInit ? 1e-6 * step : 1e-2, 1 / Math.sqrt(step));
}

function slotsOf(shape: Shape, { beta1 }: Options): Record<string, Slot> {
  const second: Record<string, Slot> = isFactored(shape)
    ? {
        row: { shape: shape.slice(0, -1), initial: 0 },
        column: { shape: [...shape.slice(0, -2), shape.at(-1)!], initial: 0 },
      }
    : { v: { shape, initial: 0 } };
  return beta1 === undefined ? second : { ...second, m: { shape, initial: 0 } };
}

function updateOne(
  { parameter, gradient, slots, decays }: Operand,
  scalars: Scalars,
  options: Options,
): OptimizerUpdate {
  const { eps, clipThreshold, beta1, weightDecay: decay, scaleParameter } = options;
  const second = secondMoment(gradient, slots, scalars, eps[0]);
  const clip = maximum(div(rms(second.direction), clipThreshold), 1);
  const rate = scaleParameter ? mul(scalars.rate!, maximum(rms(parameter), eps[1])) : scalars.rate!;
  const step = mul(second.direction, div(rate, clip));
  const next: Record<string, Value> = { ...second.slots };
  if (beta1 !== undefined) next.m = add(mul(slots.m!, beta1), mul(step, 1 - beta1));
  const kept = decays && decay > 0 ? sub(parameter, mul(parameter, mul(rate, decay))) : parameter;
  return { parameter: sub(kept, next.m ?? step), slots: next };
}

/** The gradient over the root of its second moment, and the moment's new state. */
function secondMoment(
  gradient: Value,
  slots: Scalars,
  { keep, renew }: Scalars,
  eps: number,
): { direction: Value; slots: Scalars } {
  const square = add(mul(gradient, gradient), eps);
  const average = (old: Value, now: Value): Value => add(mul(old, keep!), mul(now, renew!));
  if (!isFactored(gradient.shape)) {
    const v = average(slots.v!, square);
    return { direction: mul(gradient, rsqrt(v)), slots: { v } };
  }
  const row = average(slots.row!, mean(square, [-1]));
  const column = average(slots.column!, mean(square, [-2]));
  const rowFactor = unsqueeze(rsqrt(div(row, mean(row, [-1], true))), -1);
  const columnFactor = unsqueeze(rsqrt(column), -2);
  return { direction: mul(mul(gradient, rowFactor), columnFactor), slots: { row, column } };
}
