/** Sizes of networks as Darkroom's trainer writes them into the metadata of its files, with bounds. */

import { z } from 'zod';
import { mostCount, mostLayers, mostLevels } from '../fields.ts';
import { stableDiffusionSchedule } from '../training-noise.ts';

export const embeddedCount = z.int().min(1).max(mostCount);
export const embeddedLayers = z.int().min(1).max(mostLayers);
/** Transformer blocks; none where a level has no attention. */
const depth = z.int().min(0).max(mostLayers);
/** One a level. */
const levels = (each: z.ZodType<number>) => z.array(each).min(1).max(mostLevels);

export const embeddedUNet = z
  .object({
    inChannels: embeddedCount,
    outChannels: embeddedCount,
    blockChannels: levels(embeddedCount),
    layersPerBlock: embeddedLayers,
    transformerDepth: levels(depth),
    midTransformerDepth: depth,
    heads: levels(embeddedCount),
    contextWidth: embeddedCount,
    linearProjection: z.boolean(),
    normGroups: embeddedCount,
  })
  .refine(
    ({ blockChannels, transformerDepth, heads }) =>
      [transformerDepth, heads].every(({ length }) => length === blockChannels.length),
    'blockChannels, transformerDepth and heads must be of the same length',
  );

export const embeddedVae = z.object({
  imageChannels: embeddedCount,
  latentChannels: embeddedCount,
  blockChannels: levels(embeddedCount),
  layersPerBlock: embeddedLayers,
  normGroups: embeddedCount,
  midAttention: z.boolean(),
  quantConv: z.boolean(),
  postQuantConv: z.boolean(),
  scalingFactor: z.number(),
});

const { kind, betaStart, betaEnd, steps } = stableDiffusionSchedule;
export const embeddedSchedule = z.object({
  kind: z.enum(['scaled-linear', 'linear', 'cosine']).default(kind),
  betaStart: z.number().default(betaStart),
  betaEnd: z.number().default(betaEnd),
  steps: embeddedCount.default(steps),
  zeroTerminalSnr: z.boolean().optional(),
});
