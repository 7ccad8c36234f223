/**
 * DDIM (Song et al. 2021, eq. 12) in variance-preserving form. diffusers and the web UI differ only in the schedule:
 * diffusers takes one more step, to the smallest noise level of the table.
 */

import { alphaBarOfSigma } from '../noise-table.ts';
import { combine, type Term } from '../numbers.ts';
import type { SamplerRun, SamplerStep } from './sampler.ts';
import { predictVp } from './variance-preserving.ts';

export async function* ddim(run: SamplerRun): AsyncGenerator<SamplerStep, void, undefined> {
  const { eta = 0, sNoise = 1 } = run.settings ?? {};
  const { sigmas } = run.schedule;
  let x = run.x;
  for (let step = 0; step < sigmas.length - 1; step++) {
    const sigma = sigmas[step]!;
    const next = sigmas[step + 1]!;
    const { denoised, epsilon } = await predictVp(run.denoise, x, sigma);
    const alphaBar = alphaBarOfSigma(sigma);
    const nextAlphaBar = alphaBarOfSigma(next);
    const deviation = eta * Math.sqrt(((1 - nextAlphaBar) / (1 - alphaBar)) * Math.max(1 - alphaBar / nextAlphaBar, 0));
    const direction = Math.sqrt(Math.max(1 - nextAlphaBar - deviation ** 2, 0));
    const fresh: Term[] = eta > 0 ? [[deviation * sNoise, run.noise(sigma, next)]] : [];
    // CFG++ (Chung et al. 2024) goes on with the unconditional noise.
    const onward = run.unconditional?.() ?? epsilon;
    x = combine([Math.sqrt(nextAlphaBar), denoised], [direction, onward], ...fresh);
    yield { step, sigma: next, x, denoised };
  }
}
