/** The noise that latent diffusion models are trained with, as data and as a table of levels. */

import {
  alphasCumprod,
  cosineBetas,
  discreteTable,
  linearBetas,
  type NoiseTable,
  scaledLinearBetas,
  zeroTerminalSnr,
} from '#diffusion/noise-table';

export interface TrainingSchedule {
  /** What is linear from start to end: beta, or its square root; the cosine table has neither. */
  readonly kind: keyof typeof betaTables;
  readonly betaStart: number;
  readonly betaEnd: number;
  readonly steps: number;
  /** Rescaled so that the last step is noise alone (Lin et al. 2023). */
  readonly zeroTerminalSnr?: boolean | undefined;
}

const betaTables = {
  'scaled-linear': scaledLinearBetas,
  linear: linearBetas,
  cosine: (_start: number, _end: number, count: number) => cosineBetas(count),
} as const;

/** Stable Diffusion's, which its descendants kept. */
export const stableDiffusionSchedule: TrainingSchedule = {
  kind: 'scaled-linear',
  betaStart: 0.00085,
  betaEnd: 0.012,
  steps: 1000,
};

export function noiseTableOf(schedule: TrainingSchedule, zeroTerminal = false): NoiseTable {
  const { kind, betaStart, betaEnd, steps } = schedule;
  const alphaBars = alphasCumprod(betaTables[kind](betaStart, betaEnd, steps));
  return discreteTable(zeroTerminal || schedule.zeroTerminalSnr ? zeroTerminalSnr(alphaBars) : alphaBars);
}
