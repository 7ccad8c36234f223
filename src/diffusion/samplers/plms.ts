/**
 * PLMS: DDIM's transfer with Adams-Bashforth noise estimates of order up to 4; the first step is a pseudo improved Euler
 * step with two evaluations. Liu et al. 2022 (PNDM), eq. 12 and 13; ldm's plms.py.
 */

import { alphaBarOfSigma } from '../noise-table.ts';
import { combine, type Latent, type Term } from '../numbers.ts';
import type { SamplerRun, SamplerStep } from './sampler.ts';
import { explodingScale, predictVp } from './variance-preserving.ts';

/** Weights of the newest and earlier noise estimates, by how many there are. */
const adamsBashforth: readonly (readonly number[])[] = [
  [1],
  [3 / 2, -1 / 2],
  [23 / 12, -16 / 12, 5 / 12],
  [55 / 24, -59 / 24, 37 / 24, -9 / 24],
];

export async function* plms(run: SamplerRun): AsyncGenerator<SamplerStep, void, undefined> {
  const { sigmas } = run.schedule;
  const history: Latent[] = [];
  let x = run.x;
  for (let step = 0; step < sigmas.length - 1; step++) {
    const sigma = sigmas[step]!;
    const next = sigmas[step + 1]!;
    const { epsilon } = await predictVp(run.denoise, x, sigma);
    history.unshift(epsilon);
    history.length = Math.min(history.length, adamsBashforth.length);
    let estimate: Latent;
    // A network cannot be asked at noise level 0, nor is there a second point where a run has but one step.
    if (step === 0 && next > 0 && sigmas.length > 2) {
      const provisional = transfer(x, epsilon, sigma, next).x;
      const atNext = await predictVp(run.denoise, provisional, next);
      estimate = combine([0.5, epsilon], [0.5, atNext.epsilon]);
    } else {
      const terms = history.map((values, k): Term => [adamsBashforth[history.length - 1]![k]!, values]);
      estimate = combine(terms[0]!, ...terms.slice(1));
    }
    const moved = transfer(x, estimate, sigma, next);
    x = moved.x;
    yield { step, sigma: next, x, denoised: moved.denoised };
  }
}

/** DDIM's move from `sigma` to `next` for a given noise estimate. */
function transfer(x: Latent, epsilon: Latent, sigma: number, next: number): { x: Latent; denoised: Latent } {
  const denoised = combine([explodingScale(sigma), x], [-sigma, epsilon]);
  const alphaBar = alphaBarOfSigma(next);
  return { x: combine([Math.sqrt(alphaBar), denoised], [Math.sqrt(1 - alphaBar), epsilon]), denoised };
}
