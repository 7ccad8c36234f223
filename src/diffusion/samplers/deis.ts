/**
 * DEIS: noise estimates of up to three steps, interpolated by a polynomial in ln sigma and integrated over sigma. Zhang
 * and Chen 2023 (the log-rho variant of tAB-DEIS); diffusers `DEISMultistepScheduler`. Runs of fewer than 15 steps end
 * with lower orders, as there.
 */

import { combine, type Latent, type Term } from '../numbers.ts';
import { lagrangeBasis } from './lagrange.ts';
import type { SamplerRun, SamplerStep } from './sampler.ts';

const fewSteps = 15;

export async function* deis(run: SamplerRun): AsyncGenerator<SamplerStep, void, undefined> {
  const { order = 3 } = run.settings ?? {};
  const { sigmas } = run.schedule;
  const steps = sigmas.length - 1;
  const history: Latent[] = [];
  let x = run.x;
  for (let step = 0; step < steps; step++) {
    const sigma = sigmas[step]!;
    const next = sigmas[step + 1]!;
    const denoised = await run.denoise(x, sigma);
    history.unshift(combine([1 / sigma, x], [-1 / sigma, denoised]));
    history.length = Math.min(history.length, order, steps < fewSteps ? steps - step : order);
    const levels = history.map((_, k) => sigmas[step - k]!);
    const terms = history.map((epsilon, k): Term => [basisIntegral(levels, k, sigma, next), epsilon]);
    x = next > 0 ? combine([1, x], ...terms) : denoised.slice();
    yield { step, sigma: next, x, denoised };
  }
}

/** Integral over sigma from `from` to `to` of the Lagrange polynomial in ln sigma that is 1 at level k, 0 at the others. */
function basisIntegral(levels: readonly number[], k: number, from: number, to: number): number {
  const coefficients = lagrangeBasis(
    levels.map((level) => Math.log(level / from)),
    k,
  );
  const end = Math.log(to / from);
  // Of u^n e^u from 0 to ln(to / from), times `from`; by parts from one power to the next.
  let integral = Math.expm1(end);
  let sum = coefficients[0]! * integral;
  for (let n = 1; n < coefficients.length; n++) {
    integral = end ** n * Math.exp(end) - n * integral;
    sum += coefficients[n]! * integral;
  }
  return from * sum;
}
