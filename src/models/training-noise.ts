/** The noise that latent diffusion models are trained with, as data and as a table of levels. */

import {
  alphasCumprod,
  discreteTable,
  type NoiseTable,
  scaledLinearBetas,
  zeroTerminalSnr,
} from '#diffusion/noise-table';

/** sqrt(beta) is linear from start to end ("scaled linear"). */
export interface TrainingSchedule {
  readonly kind: 'scaled-linear';
  readonly betaStart: number;
  readonly betaEnd: number;
  readonly steps: number;
  /** Rescaled so that the last step is noise alone (Lin et al. 2023). */
  readonly zeroTerminalSnr?: boolean | undefined;
}

/** Stable Diffusion's, which its descendants kept. */
export const stableDiffusionSchedule: TrainingSchedule = {
  kind: 'scaled-linear',
  betaStart: 0.00085,
  betaEnd: 0.012,
  steps: 1000,
};

export function noiseTableOf(schedule: TrainingSchedule, zeroTerminal = false): NoiseTable {
  const { betaStart, betaEnd, steps } = schedule;
  const alphaBars = alphasCumprod(scaledLinearBetas(betaStart, betaEnd, steps));
  return discreteTable(zeroTerminal || schedule.zeroTerminalSnr ? zeroTerminalSnr(alphaBars) : alphaBars);
}
