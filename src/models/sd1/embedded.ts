/**
 * The configuration that Darkroom's trainer writes into the metadata of its single files, under `darkroom.config`:
 * JSON of the component configs by their own field names, so that nothing has to be inferred.
 */

import { z } from 'zod';
import type { Fields } from '../fields.ts';
import {
  embeddedCount as count,
  embeddedSchedule,
  embeddedUNet,
  embeddedVae,
  embeddedLayers as layers,
} from '../ldm/embedded.ts';
import type { Sd1Config } from './config.ts';

const textEncoder = z.object({
  vocabSize: count,
  positions: count,
  width: count,
  layers,
  heads: count,
  mlpWidth: count,
  activation: z.enum(['quickGelu', 'gelu']),
});

/** Prediction, schedule and sample size may be absent and are then SD 1's. */
const embedded = z.object({
  unet: embeddedUNet,
  vae: embeddedVae,
  text_encoder: textEncoder,
  prediction: z.enum(['eps', 'v', 'x0']).default('eps'),
  schedule: embeddedSchedule.prefault({}),
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
