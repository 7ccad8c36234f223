/**
 * Which runs a comparison has: every model with every learning rate from every seed on single digits, and each model
 * once more a seed on stacked digits, with the learning rate that did best for that seed. Seeds are the outer loop, so
 * that a comparison that is cut short holds whole sets of runs.
 */

import { z } from 'zod';
import { generatorNames } from '../names.ts';

export const dataNames = ['digits', 'stacked'] as const;
export type DataName = (typeof dataNames)[number];

export const compareSchema = z.strictObject({
  seeds: z.int().min(1).max(20).default(5).describe('Runs that differ by nothing but the seed.'),
  learningRates: z
    .array(z.number().positive().max(1))
    .min(1)
    .max(10)
    .default([2e-4, 1e-3, 5e-3])
    .describe('The same for every model.'),
  models: z
    .array(z.string())
    .min(1)
    .default([...generatorNames])
    .describe(`Of ${generatorNames.join(', ')}.`),
  budget: z
    .number()
    .positive()
    .max(1e6)
    .default(120)
    .describe('Multiplications that a run may train with, in thousands of millions; the same for every model.'),
  batch: z.int().min(2).max(512).default(32).describe('Pictures of a step.'),
  pictures: z.int().min(64).max(50_000).default(512).describe('Pictures that are drawn from a model and scored.'),
  stackedPictures: z
    .int()
    .min(0)
    .max(100_000)
    .default(2560)
    .describe('The same for stacked digits; 0 leaves them out.'),
  digits: z
    .int()
    .min(64)
    .max(60_000)
    .default(60_000)
    .describe('Digits to train on, the first so many; as many are there to test with, if there are.'),
  quick: z.boolean().default(false).describe('Seconds instead of hours: shows that all works, and nothing else.'),
  scorerEpochs: z.number().positive().max(50).default(3).describe('How long the network is trained that scores.'),
});

export type CompareOptions = z.output<typeof compareSchema>;

const quickly: Partial<CompareOptions> = {
  seeds: 1,
  learningRates: [1e-3],
  budget: 0.3,
  batch: 16,
  pictures: 64,
  stackedPictures: 64,
  digits: 256,
  scorerEpochs: 8,
};

/** Options as they act: quick ones have sizes of their own. */
export function actingOptions(options: CompareOptions): CompareOptions {
  return options.quick ? { ...options, ...quickly } : options;
}

export interface RunSpec {
  readonly data: DataName;
  readonly model: string;
  readonly learningRate: number;
  readonly seed: number;
}

export const runName = ({ data, model, learningRate, seed }: RunSpec): string =>
  `${data}-${model}-${learningRate}-${seed}`;

/** The runs of a seed on single digits. */
export function digitRuns({ learningRates, models }: CompareOptions, seed: number): RunSpec[] {
  return learningRates.flatMap((learningRate) =>
    models.map((model) => ({ data: 'digits', model, learningRate, seed }) as const),
  );
}

/** How many runs there are in all. */
export function countRuns({ seeds, learningRates, models, stackedPictures }: CompareOptions): number {
  return seeds * models.length * (learningRates.length + (stackedPictures > 0 ? 1 : 0));
}
