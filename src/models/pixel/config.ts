/**
 * The configuration of a model that diffuses pixels, without text or by class, as Darkroom's trainer writes it into the
 * metadata of its files under `darkroom.config`.
 */

import { z } from 'zod';
import type { Prediction } from '#diffusion/parameterization';
import type { Fields } from '../fields.ts';
import { embeddedCount, embeddedSchedule, embeddedUNet } from '../ldm/embedded.ts';
import type { TrainingSchedule } from '../training-noise.ts';
import type { UNetConfig } from '../unet/config.ts';

export interface PixelConfig {
  readonly unet: UNetConfig;
  /** Names by which prompts ask for a class; none for a model without classes. */
  readonly classes: readonly string[];
  readonly prediction: Exclude<Prediction, 'flow'>;
  readonly schedule: TrainingSchedule;
  /** Side of the pictures it was trained on, in pixels. */
  readonly sampleSize: number;
}

/** Ho et al. 2020 (arXiv:2006.11239), section 4. */
export const ddpmSchedule: TrainingSchedule = { kind: 'linear', betaStart: 1e-4, betaEnd: 0.02, steps: 1000 };

const embedded = z.object({
  unet: embeddedUNet,
  classes: z.array(z.string().min(1).max(200)).max(10_000),
  prediction: z.enum(['eps', 'v', 'x0']),
  schedule: embeddedSchedule,
  sampleSize: embeddedCount,
});

/** The text to store under `darkroom.config`. */
export function embeddedPixelConfig(config: PixelConfig): string {
  return JSON.stringify({ family: 'pixel', ...config });
}

/** The inverse of `embeddedPixelConfig`. */
export function readPixelConfig(fields: Fields): PixelConfig {
  return fields.parse(embedded);
}
