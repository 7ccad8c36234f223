/** What every sampler is: a generator of steps over a schedule, its state in locals. */

import type { StepNoise } from '../noise-source.ts';
import type { NoiseTable } from '../noise-table.ts';
import { combine, type Latent, type Sigma } from '../numbers.ts';
import type { Denoise, Prediction } from '../parameterization.ts';
import type { Schedule } from '../schedules.ts';

export interface SamplerRun {
  readonly denoise: Denoise;
  /** The latent at `schedule.sigmas[0]`, in the sampler's own space; left unchanged. */
  readonly x: Latent;
  readonly schedule: Schedule;
  readonly table: NoiseTable;
  readonly noise: StepNoise;
  readonly settings?: SamplerSettings;
  /** What the network predicts; noise when left out. */
  readonly prediction?: Prediction | undefined;
  /** The unit noise that the last call of `denoise` found without a condition; its own where there is no guidance. */
  readonly unconditional?: (() => Latent | undefined) | undefined;
}

export interface SamplerStep {
  /** Steps done before this one, from 0. */
  readonly step: number;
  /** The noise level that `x` has now. */
  readonly sigma: Sigma;
  /**
   * The live state, in the sampler's own space: what the caller writes into it before asking for the next step is what
   * the sampler goes on from.
   */
  readonly x: Latent;
  /** The estimate of the clean latent that the step was made with. */
  readonly denoised: Latent;
  /** Of adaptive samplers: how the last trial went. */
  readonly trial?: AdaptiveTrial;
}

interface AdaptiveTrial {
  /** Local error in units of the tolerance. */
  readonly error: number;
  /** Length of the next trial in ln sigma. */
  readonly nextLength: number;
  readonly accepted: number;
  readonly rejected: number;
}

export type Sampler = (run: SamplerRun) => AsyncGenerator<SamplerStep, void, undefined>;

export type UnipcVariant = 'bh1' | 'bh2' | 'vary_coeff';
export type UnipcSkipType = 'time_uniform' | 'time_quadratic' | 'logSNR';

/** Settings that samplers read; each reads its own and ignores the rest. */
export interface SamplerSettings {
  /** Share of fresh noise of ancestral and SDE samplers (1) and of DDIM (0). */
  readonly eta?: number;
  /** Factor on fresh noise (1). */
  readonly sNoise?: number;
  /** Churn of Karras et al. 2022, algorithm 2: total amount (0), noise levels in which it acts (0, all). */
  readonly sChurn?: number;
  readonly sTmin?: number;
  readonly sTmax?: number;
  /** Second-order rule of DPM++ 2M SDE (midpoint). */
  readonly solver?: 'midpoint' | 'heun';
  /** Order of UniPC (3) and DPM adaptive (3). */
  readonly order?: number;
  /** B(h) of UniPC (bh1), or coefficients that vary with the step. */
  readonly variant?: UnipcVariant;
  /** How UniPC spaces its steps: evenly in time (default), in its square root, or in ln sigma. */
  readonly skipType?: UnipcSkipType;
  /** Whether UniPC's last steps are of lower order (true). */
  readonly lowerOrderFinal?: boolean;
  /** What PLMS averages: noise estimates (A1111), or whatever the network predicts (diffusers). */
  readonly averages?: 'noise' | 'prediction';
  /** Error control of DPM adaptive. */
  readonly relativeTolerance?: number;
  readonly absoluteTolerance?: number;
  readonly firstLength?: number;
  readonly proportional?: number;
  readonly integral?: number;
  readonly derivative?: number;
  readonly acceptSafety?: number;
}

/** A step from `s` to `t` as a deterministic part down to `down` and fresh noise `up`, `down^2 + up^2 = t^2`. */
export function ancestralStep(s: number, t: number, eta: number): { down: number; up: number } {
  if (eta === 0) return { down: t, up: 0 };
  const up = Math.min(t, eta * Math.sqrt((t * t * (s * s - t * t)) / (s * s)));
  return { down: Math.sqrt(Math.max(t * t - up * up, 0)), up };
}

/** One Euler step from `s` to `t` along the line through x and its denoised estimate. */
export function eulerStep(x: Latent, denoised: Latent, s: number, t: number): Latent {
  return combine([t / s, x], [1 - t / s, denoised]);
}

/** Raises the noise level of `x` before a step, where churn is on. */
export function churn(x: Latent, run: SamplerRun, i: number): { x: Latent; sigma: Sigma } {
  const { sChurn = 0, sTmin = 0, sTmax = Number.POSITIVE_INFINITY, sNoise = 1 } = run.settings ?? {};
  const { sigmas } = run.schedule;
  const sigma = sigmas[i]!;
  if (sChurn === 0) return { x, sigma };
  // Drawn at every step, so that a step's noise does not hang on which steps churn.
  const noise = run.noise(sigma, sigmas[i + 1]!);
  if (sigma < sTmin || sigma > sTmax) return { x, sigma };
  const gamma = Math.min(sChurn / (sigmas.length - 1), Math.SQRT2 - 1);
  const raised = (sigma * (1 + gamma)) as Sigma;
  return { x: combine([1, x], [Math.sqrt(raised ** 2 - sigma ** 2) * sNoise, noise]), sigma: raised };
}
