/** How a picture came about, step by step, and how it goes into noise. */

import { z } from 'zod';

const picture = z.string().describe('A data: address.');

export const stepSchema = z.object({
  direction: z.enum(['reverse', 'forward']).describe('Towards the picture, or from it into noise.'),
  step: z.int().describe('Of its direction; 0 of the reverse one is the noise alone.'),
  sigma: z.number().describe('Noise level: standard deviation of the noise beside a picture of 1.'),
  timestep: z.number().optional().describe('What the network is told of the noise level; absent without noise.'),
  snr: z.number().optional().describe('Signal to noise, 1 / sigma²; absent without noise.'),
  noised: picture.describe('What there is: picture and noise.'),
  predicted: picture.optional().describe('The clean picture that the network expects.'),
  noise: picture.optional().describe('Its noise alone, the latent’s channels in grey; absent without noise.'),
  latent: picture.describe('The latent’s channels in grey.'),
});

export type KeptStep = z.output<typeof stepSchema>;
