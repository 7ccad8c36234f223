/**
 * Stochastic gradient descent with momentum, as torch.optim.SGD without dampening: the first buffer is the first
 * gradient; Nesterov's form (Sutskever et al. 2013) looks one step ahead; weight decay is L2.
 */

import { z } from 'zod';
import { add, mul, sub } from '#graph/build';
import { type Optimizer, type OptimizerUpdate, type Slot, separately } from '../optimizer.ts';
import { weightDecay } from './options.ts';

export const sgdOptions = z
  .strictObject({
    momentum: z.number().min(0).lt(1).default(0),
    nesterov: z.boolean().default(false),
    weightDecay: weightDecay.default(0),
  })
  .refine((o) => !o.nesterov || o.momentum > 0, { error: 'nesterov needs a momentum above 0', path: ['nesterov'] });

export function sgd(options: z.input<typeof sgdOptions> = {}): Optimizer {
  const { momentum, nesterov, weightDecay: decay } = sgdOptions.parse(options);
  return {
    name: 'sgd',
    elementwise: true,
    slots: (shape): Record<string, Slot> => (momentum > 0 ? { m: { shape, initial: 0 } } : {}),
    scalars: (_step, learningRate) => ({ rate: learningRate }),
    ...separately(({ parameter, gradient, slots, decays }, { rate }): OptimizerUpdate => {
      const g = decays && decay > 0 ? add(gradient, mul(parameter, decay)) : gradient;
      if (momentum === 0) return { parameter: sub(parameter, mul(g, rate!)), slots: {} };
      const m = add(mul(slots.m!, momentum), g);
      const direction = nesterov ? add(g, mul(m, momentum)) : m;
      return { parameter: sub(parameter, mul(direction, rate!)), slots: { m } };
    }),
  };
}
