/** The noise that latent diffusion models are trained with, as data and as a table of levels. */

import {
  alphasCumprod,
  cosineBetas,
  discreteTable,
  type Halves,
  halfTable,
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

export interface NoiseTableOptions {
  /** With a last step of noise alone, whatever the model was trained with. */
  readonly zeroTerminal?: boolean | undefined;
  /** In half precision; without effect on a table that ends in noise alone, which halves cannot hold. */
  readonly halves?: Halves | undefined;
}

export function noiseTableOf(
  schedule: TrainingSchedule,
  { zeroTerminal = false, halves }: NoiseTableOptions = {},
): NoiseTable {
  const { kind, betaStart, betaEnd, steps } = schedule;
  const alphaBars = alphasCumprod(betaTables[kind](betaStart, betaEnd, steps));
  if (zeroTerminal || schedule.zeroTerminalSnr) return discreteTable(zeroTerminalSnr(alphaBars));
  return (halves && halfTable(alphaBars, halves)) ?? discreteTable(alphaBars);
}
