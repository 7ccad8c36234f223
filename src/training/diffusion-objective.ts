/**
 * The diffusion objective: how a noisy latent, its target and its weight follow from a timestep, and how one kind of
 * prediction is told in terms of another.
 *
 * x_t = sqrt(abar) x0 + sqrt(1 - abar) eps (Ho et al. 2020, arXiv:2006.11239, eq. 4); v = sqrt(abar) eps -
 * sqrt(1 - abar) x0 (Salimans and Ho 2022, arXiv:2202.00512).
 */

import type { NoiseTable } from '#diffusion/noise-table';
import type { Prediction as ModelPrediction } from '#diffusion/parameterization';

export type Prediction = Exclude<ModelPrediction, 'flow'>;

/**
 * Weight of the squared error by timestep.
 * - `min-snr`: min(snr, gamma) / snr on eps (Hang et al. 2023, arXiv:2303.09556).
 * - `soft-min-snr`: gamma / (snr + gamma) on eps (Crowson et al. 2024, arXiv:2401.11605).
 * - `debiased`: 1 / sqrt(min(snr, 1000)) on eps (Yu et al. 2023, arXiv:2310.08442), 1 / (snr + 1) on v as kohya has it.
 * - `p2`: 1 / (k + snr)^gamma on eps (Choi et al. 2022, arXiv:2204.00227).
 */
export type LossWeighting =
  | { readonly name: 'none' }
  | { readonly name: 'min-snr'; readonly gamma: number }
  | { readonly name: 'soft-min-snr'; readonly gamma: number }
  | { readonly name: 'debiased' }
  | { readonly name: 'p2'; readonly gamma: number; readonly k: number };

/** Cumulative products of a table's noise levels: 1 / (1 + sigma^2). */
export function alphaBarsOf({ sigmas }: Pick<NoiseTable, 'sigmas'>): Float64Array {
  return sigmas.map((sigma) => 1 / (1 + sigma * sigma));
}

export function signalToNoise(alphaBar: number): number {
  return alphaBar / (1 - alphaBar);
}

/** Weight of the squared error of a prediction at a timestep. */
export function lossWeight(prediction: Prediction, alphaBar: number, weighting: LossWeighting): number {
  const snr = signalToNoise(alphaBar);
  switch (weighting.name) {
    case 'none':
      return 1;
    case 'min-snr': {
      const clipped = Math.min(snr, weighting.gamma);
      // As x0 weights, so that an infinite or zero ratio stays exact.
      return prediction === 'x0' ? clipped : clipped / (prediction === 'eps' ? snr : snr + 1);
    }
    case 'soft-min-snr':
      return onPrediction(weighting.gamma / (snr + weighting.gamma), prediction, snr);
    case 'debiased':
      return prediction === 'v' ? 1 / (snr + 1) : onPrediction(1 / Math.sqrt(Math.min(snr, 1000)), prediction, snr);
    case 'p2':
      return onPrediction((weighting.k + snr) ** -weighting.gamma, prediction, snr);
  }
}

/** A weight on eps as a weight on another prediction: squared errors are as |eps|^2 = snr |x0|^2, |v|^2 = (snr + 1) |x0|^2. */
function onPrediction(epsWeight: number, prediction: Prediction, snr: number): number {
  return prediction === 'eps' ? epsWeight : (epsWeight * snr) / (prediction === 'v' ? snr + 1 : 1);
}

/** Coefficients of x0 and eps in the target. */
export function targetCoefficients(prediction: Prediction, alphaBar: number): { x0: number; eps: number } {
  switch (prediction) {
    case 'eps':
      return { x0: 0, eps: 1 };
    case 'v':
      return { x0: -Math.sqrt(1 - alphaBar), eps: Math.sqrt(alphaBar) };
    case 'x0':
      return { x0: 1, eps: 0 };
  }
}

/** x_t and the target for a batch; `latents` and `noise` hold `alphaBars.length` items of equal size. */
export function diffuse<A extends Float32Array | Float64Array>(
  latents: A,
  noise: A,
  alphaBars: readonly number[],
  prediction: Prediction,
  inputNoise: A = noise,
): { noisy: A; target: A } {
  const item = latents.length / alphaBars.length;
  const noisy = latents.slice() as A;
  const target = latents.slice() as A;
  alphaBars.forEach((alphaBar, n) => {
    const signal = Math.sqrt(alphaBar);
    const spread = Math.sqrt(1 - alphaBar);
    const k = targetCoefficients(prediction, alphaBar);
    for (let i = n * item; i < (n + 1) * item; i++) {
      noisy[i] = signal * latents[i]! + spread * inputNoise[i]!;
      target[i] = k.x0 * latents[i]! + k.eps * noise[i]!;
    }
  });
  return { noisy, target };
}

/** One element of a prediction and of its noisy input as the clean element. */
export function cleanValue(prediction: Prediction, output: number, noisy: number, alphaBar: number): number {
  const signal = Math.sqrt(alphaBar);
  const spread = Math.sqrt(1 - alphaBar);
  switch (prediction) {
    case 'eps':
      return (noisy - spread * output) / signal;
    case 'v':
      return signal * noisy - spread * output;
    case 'x0':
      return output;
  }
}

/** One element of a prediction and of its noisy input as the noise element. */
export function noiseValue(prediction: Prediction, output: number, noisy: number, alphaBar: number): number {
  const signal = Math.sqrt(alphaBar);
  const spread = Math.sqrt(1 - alphaBar);
  switch (prediction) {
    case 'eps':
      return output;
    case 'v':
      return signal * output + spread * noisy;
    case 'x0':
      return (noisy - signal * output) / spread;
  }
}

/**
 * One element of a prediction as an element of another kind of prediction.
 * @internal Held to its goldens; nothing asks for it yet.
 */
export function convertValue(
  from: Prediction,
  to: Prediction,
  output: number,
  noisy: number,
  alphaBar: number,
): number {
  if (from === to) return output;
  const k = targetCoefficients(to, alphaBar);
  const x0 = k.x0 === 0 ? 0 : k.x0 * cleanValue(from, output, noisy, alphaBar);
  return x0 + (k.eps === 0 ? 0 : k.eps * noiseValue(from, output, noisy, alphaBar));
}

export const huberSchedules = ['constant', 'exponential', 'snr'] as const;

/**
 * Where the Huber loss turns from square to straight at a timestep, as kohya's trainer has it: `exponential` falls from
 * 1 to c over the timesteps; `snr` from 1 at no noise to c at noise alone.
 */
export function huberBound(
  schedule: (typeof huberSchedules)[number],
  c: number,
  { timestep, steps, alphaBar }: { timestep: number; steps: number; alphaBar: number },
): number {
  switch (schedule) {
    case 'constant':
      return c;
    case 'exponential':
      return c ** (timestep / steps);
    case 'snr':
      return (1 - c) / (1 + Math.sqrt((1 - alphaBar) / alphaBar)) ** 2 + c;
  }
}

/**
 * Weights of the items of a batch under prior preservation (Ruiz et al. 2023, arXiv:2208.12242): the mean over the batch
 * becomes mean(instances) + priorWeight * mean(pictures of the class).
 */
export function priorWeights(isClass: readonly boolean[], priorWeight: number): number[] {
  const classes = isClass.filter(Boolean).length;
  const instances = isClass.length - classes;
  return isClass.map((c) => (isClass.length * (c ? priorWeight : 1)) / (c ? classes : instances));
}
