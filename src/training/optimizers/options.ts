/** Options that several optimisers share. */

import { z } from 'zod';

const beta = z.number().min(0).lt(1);

/** Decay rates of the moving averages of the gradient and of its square. */
export const betas = z.tuple([beta, beta]);

export const epsilon = z.number().positive();

export const weightDecay = z.number().min(0);
