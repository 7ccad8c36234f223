/** DDPM: ancestral sampling with the posterior variance ("fixed small"). Ho et al. 2020, eq. 6, 7 and algorithm 2. */

import { alphaBarOfSigma } from '../noise-table.ts';
import { combine, type Term } from '../numbers.ts';
import type { SamplerRun, SamplerStep } from './sampler.ts';
import { predictVp } from './variance-preserving.ts';

const smallestVariance = 1e-20;

export async function* ddpm(run: SamplerRun): AsyncGenerator<SamplerStep, void, undefined> {
  const { sigmas } = run.schedule;
  let x = run.x;
  for (let step = 0; step < sigmas.length - 1; step++) {
    const sigma = sigmas[step]!;
    const next = sigmas[step + 1]!;
    const { denoised } = await predictVp(run.denoise, x, sigma);
    const alphaBar = alphaBarOfSigma(sigma);
    const nextAlphaBar = alphaBarOfSigma(next);
    const alpha = alphaBar / nextAlphaBar;
    const beta = 1 - alpha;
    const toClean = (Math.sqrt(nextAlphaBar) * beta) / (1 - alphaBar);
    const toCurrent = (Math.sqrt(alpha) * (1 - nextAlphaBar)) / (1 - alphaBar);
    const variance = Math.max(((1 - nextAlphaBar) / (1 - alphaBar)) * beta, smallestVariance);
    const fresh: Term[] = next > 0 ? [[Math.sqrt(variance), run.noise(sigma, next)]] : [];
    x = combine([toClean, denoised], [toCurrent, x], ...fresh);
    yield { step, sigma: next, x, denoised };
  }
}
