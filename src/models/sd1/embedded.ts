/**
 * The configuration that Darkroom's trainer writes into the metadata of its single files, under `darkroom.config`:
 * JSON of the component configs by their own field names, so that nothing has to be inferred.
 */

import { z } from 'zod';
import { type Fields, mostCount, mostLayers, mostLevels } from '../fields.ts';
import { stableDiffusionSchedule } from '../training-noise.ts';
import type { Sd1Config } from './config.ts';

const count = z.int().min(1).max(mostCount);
const layers = z.int().min(1).max(mostLayers);
/** Transformer blocks; none where a level has no attention. */
const depth = z.int().min(0).max(mostLayers);
/** One a level. */
const levels = (each: z.ZodType<number>) => z.array(each).min(1).max(mostLevels);

const unet = z
  .object({
    inChannels: count,
    outChannels: count,
    blockChannels: levels(count),
    layersPerBlock: layers,
    transformerDepth: levels(depth),
    midTransformerDepth: depth,
    heads: levels(count),
    contextWidth: count,
    linearProjection: z.boolean(),
    normGroups: count,
  })
  .refine(
    ({ blockChannels, transformerDepth, heads }) =>
      [transformerDepth, heads].every(({ length }) => length === blockChannels.length),
    'blockChannels, transformerDepth and heads must be of the same length',
  );

const vae = z.object({
  imageChannels: count,
  latentChannels: count,
  blockChannels: levels(count),
  layersPerBlock: layers,
  normGroups: count,
  midAttention: z.boolean(),
  quantConv: z.boolean(),
  postQuantConv: z.boolean(),
  scalingFactor: z.number(),
});

const textEncoder = z.object({
  vocabSize: count,
  positions: count,
  width: count,
  layers,
  heads: count,
  mlpWidth: count,
  activation: z.enum(['quickGelu', 'gelu']),
});

const { kind, betaStart, betaEnd, steps } = stableDiffusionSchedule;
const schedule = z.object({
  kind: z.enum(['scaled-linear', 'linear', 'cosine']).default(kind),
  betaStart: z.number().default(betaStart),
  betaEnd: z.number().default(betaEnd),
  steps: count.default(steps),
  zeroTerminalSnr: z.boolean().optional(),
});

/** Prediction, schedule and sample size may be absent and are then SD 1's. */
const embedded = z.object({
  unet,
  vae,
  text_encoder: textEncoder,
  prediction: z.enum(['eps', 'v', 'x0']).default('eps'),
  schedule: schedule.prefault({}),
  sampleSize: count.default(64),
});

/** The text to store under `darkroom.config`. */
export function embeddedConfig({ textEncoder, ...rest }: Sd1Config): string {
  return JSON.stringify({ family: 'sd1', ...rest, text_encoder: textEncoder });
}

/** The inverse of `embeddedConfig`. */
export function readEmbedded(fields: Fields): Sd1Config {
  const { text_encoder, ...rest } = fields.parse(embedded);
  return { ...rest, textEncoder: text_encoder };
}
