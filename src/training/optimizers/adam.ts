/**
 * Adam (Kingma and Ba 2015, arXiv:1412.6980, algorithm 1) with L2 regularisation, as torch.optim.Adam: the weights
 * times `weightDecay` are added to the gradient. Left out: AMSGrad.
 */

import { z } from 'zod';
import { add, mul, sub } from '#graph/build';
import { type Optimizer, separately } from '../optimizer.ts';
import { adamMoments, adamScalars, adamStep, momentSlots } from './adam-moments.ts';
import { betas, epsilon, weightDecay } from './options.ts';

export const adamOptions = z.strictObject({
  betas: betas.default([0.9, 0.999]),
  eps: epsilon.default(1e-8),
  weightDecay: weightDecay.default(0),
});

export function adam(options: z.input<typeof adamOptions> = {}): Optimizer {
  const given = adamOptions.parse(options);
  return {
    name: 'adam',
    elementwise: true,
    slots: momentSlots,
    scalars: (step, learningRate) => adamScalars(given.betas, step, learningRate),
    ...separately(({ parameter, gradient, slots, decays }, scalars) => {
      const regularised = decays && given.weightDecay > 0 ? add(gradient, mul(parameter, given.weightDecay)) : gradient;
      const moments = adamMoments(regularised, slots, given.betas);
      return { parameter: sub(parameter, adamStep(moments, scalars, given.eps)), slots: moments };
    }),
  };
}
