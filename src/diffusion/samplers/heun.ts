/** Heun: an Euler step, corrected by the slope at its end. Karras et al. 2022, algorithm 2. Two evaluations a step. */

import { combine, type Latent, type Sigma } from '../numbers.ts';
import type { Denoise } from '../parameterization.ts';
import { churn, eulerStep, type SamplerRun, type SamplerStep } from './sampler.ts';

export async function* heun(run: SamplerRun): AsyncGenerator<SamplerStep, void, undefined> {
  const { sigmas } = run.schedule;
  let x = run.x;
  for (let step = 0; step < sigmas.length - 1; step++) {
    const raised = churn(x, run, step);
    const next = sigmas[step + 1]!;
    const result = await heunStep(run.denoise, raised.x, raised.sigma, next);
    x = result.x;
    yield { step, sigma: next, x, denoised: result.denoised };
  }
}

/** One step from `s` to `t`; a plain Euler step where t is 0. */
export async function heunStep(denoise: Denoise, x: Latent, s: Sigma, t: Sigma) {
  const denoised = await denoise(x, s);
  const predicted = eulerStep(x, denoised, s, t);
  if (t === 0) return { x: predicted, denoised };
  const atEnd = await denoise(predicted, t);
  // x + (t - s) / 2 * ((x - denoised) / s + (predicted - atEnd) / t)
  const half = (t - s) / 2;
  const corrected = combine([1 + half / s, x], [-half / s, denoised], [half / t, predicted], [-half / t, atEnd]);
  return { x: corrected, denoised };
}
