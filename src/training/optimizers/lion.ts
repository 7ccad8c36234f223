/**
 * Lion (Chen et al. 2023, arXiv:2302.06675, program 1): the sign of an interpolated momentum, decoupled weight decay.
 * The paper advises a learning rate 3 to 10 times smaller than AdamW's and a weight decay as many times larger.
 */

import { z } from 'zod';
import { add, mul, sign, sub } from '#graph/build';
import type { Value } from '#graph/value';
import { type Optimizer, separately } from '../optimizer.ts';
import { betas, weightDecay } from './options.ts';

export const lionOptions = z.strictObject({
  betas: betas.default([0.9, 0.99]),
  weightDecay: weightDecay.default(0),
});

export function lion(options: z.input<typeof lionOptions> = {}): Optimizer {
  const { betas: rates, weightDecay: decay } = lionOptions.parse(options);
  const [beta1, beta2] = rates;
  const blend = (m: Value, g: Value, beta: number): Value => add(mul(m, beta), mul(g, 1 - beta));
  return {
    name: 'lion',
    slots: (shape) => ({ m: { shape, initial: 0 } }),
    scalars: (_step, learningRate) => ({ rate: learningRate, decay: 1 - learningRate * decay }),
    ...separately(({ parameter, gradient, slots, decays }, scalars) => {
      const kept = decays ? mul(parameter, scalars.decay!) : parameter;
      const direction = sign(blend(slots.m!, gradient, beta1));
      return {
        parameter: sub(kept, mul(direction, scalars.rate!)),
        slots: { m: blend(slots.m!, gradient, beta2) },
      };
    }),
  };
}
