/**
 * AdamW (Loshchilov and Hutter 2019, arXiv:1711.05101, algorithm 2), as torch.optim.AdamW: decay first, then
 * bias-corrected Adam with eps outside the root. Left out: AMSGrad.
 */

import { z } from 'zod';
import { mul, sub } from '#graph/build';
import { type Optimizer, separately } from '../optimizer.ts';
import { adamMoments, adamScalars, adamStep, momentSlots } from './adam-moments.ts';
import { betas, epsilon, weightDecay } from './options.ts';

export const adamWOptions = z.strictObject({
  betas: betas.default([0.9, 0.999]),
  eps: epsilon.default(1e-8),
  weightDecay: weightDecay.default(0.01),
});

export function adamW(options: z.input<typeof adamWOptions> = {}): Optimizer {
  const given = adamWOptions.parse(options);
  return {
    name: 'adamw',
    elementwise: true,
    slots: momentSlots,
    scalars: (step, learningRate) => ({
      decay: 1 - learningRate * given.weightDecay,
      ...adamScalars(given.betas, step, learningRate),
    }),
    ...separately(({ parameter, gradient, slots, decays }, scalars) => {
      const moments = adamMoments(gradient, slots, given.betas);
      const step = adamStep(moments, scalars, given.eps);
      const kept = decays ? mul(parameter, scalars.decay!) : parameter;
      return { parameter: sub(kept, step), slots: moments };
    }),
  };
}
