/**
 * PLMS: DDIM's transfer with Adams-Bashforth noise estimates of order up to 4; the first step is a pseudo improved Euler
 * step with two evaluations. Liu et al. 2022 (PNDM), eq. 12 and 13; ldm's plms.py. diffusers averages the velocities of a
 * network that predicts them, and takes the noise from their average.
 */

import { alphaBarOfSigma } from '../noise-table.ts';
import { combine, type Latent, type Term } from '../numbers.ts';
import { adamsBashforth } from './adams-bashforth.ts';
import type { SamplerRun, SamplerStep } from './sampler.ts';
import { explodingScale, predictVp } from './variance-preserving.ts';

export async function* plms(run: SamplerRun): AsyncGenerator<SamplerStep, void, undefined> {
  const { sigmas } = run.schedule;
  const velocities = run.settings?.averages === 'prediction' && run.prediction === 'v';
  const history: Latent[] = [];
  let x = run.x;
  for (let step = 0; step < sigmas.length - 1; step++) {
    const sigma = sigmas[step]!;
    const next = sigmas[step + 1]!;
    const { epsilon, denoised } = await predictVp(run.denoise, x, sigma);
    const predicted = velocities ? velocityOf(epsilon, denoised, sigma) : epsilon;
    history.unshift(predicted);
    history.length = Math.min(history.length, adamsBashforth.length);
    let estimate: Latent;
    // A network cannot be asked at noise level 0; diffusers has no second point where a run has but one step.
    if (step === 0 && next > 0 && (sigmas.length > 2 || run.settings?.averages !== 'prediction')) {
      const provisional = transfer(x, epsilon, sigma, next).x;
      const atNext = await predictVp(run.denoise, provisional, next);
      const later = velocities ? velocityOf(atNext.epsilon, atNext.denoised, next) : atNext.epsilon;
      estimate = combine([0.5, predicted], [0.5, later]);
    } else {
      const terms = history.map((values, k): Term => [adamsBashforth[history.length - 1]![k]!, values]);
      estimate = combine(terms[0]!, ...terms.slice(1));
    }
    const moved = transfer(x, velocities ? noiseOfVelocity(x, estimate, sigma) : estimate, sigma, next);
    x = moved.x;
    yield { step, sigma: next, x, denoised: moved.denoised };
  }
}

/** v = sqrt(alpha-bar) noise - sqrt(1 - alpha-bar) x0. */
function velocityOf(epsilon: Latent, denoised: Latent, sigma: number): Latent {
  const alphaBar = alphaBarOfSigma(sigma);
  return combine([Math.sqrt(alphaBar), epsilon], [-Math.sqrt(1 - alphaBar), denoised]);
}

/** The noise in `x` that a velocity at `sigma` stands for. */
function noiseOfVelocity(x: Latent, velocity: Latent, sigma: number): Latent {
  const alphaBar = alphaBarOfSigma(sigma);
  return combine([Math.sqrt(alphaBar), velocity], [Math.sqrt(1 - alphaBar), x]);
}

/** DDIM's move from `sigma` to `next` for a given noise estimate. */
function transfer(x: Latent, epsilon: Latent, sigma: number, next: number): { x: Latent; denoised: Latent } {
  const denoised = combine([explodingScale(sigma), x], [-sigma, epsilon]);
  const alphaBar = alphaBarOfSigma(next);
  return { x: combine([Math.sqrt(alphaBar), denoised], [Math.sqrt(1 - alphaBar), epsilon]), denoised };
}
