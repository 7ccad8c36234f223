/** DPM++ 2S a: single-step second order in data form, ancestral. Lu et al. 2022b; k-diffusion. Two evaluations a step. */

import { asSigma, combine } from '../numbers.ts';
import { ancestralStep, eulerStep, type SamplerRun, type SamplerStep } from './sampler.ts';

export async function* dpmpp2sAncestral(run: SamplerRun): AsyncGenerator<SamplerStep, void, undefined> {
  const { eta = 1, sNoise = 1 } = run.settings ?? {};
  const { sigmas } = run.schedule;
  let x = run.x;
  for (let step = 0; step < sigmas.length - 1; step++) {
    const sigma = sigmas[step]!;
    const next = sigmas[step + 1]!;
    const denoised = await run.denoise(x, sigma);
    const { down, up } = ancestralStep(sigma, next, eta);
    if (down === 0) {
      x = eulerStep(x, denoised, sigma, down);
    } else {
      // In data form an Euler step in sigma is exact for a constant estimate, so both stages are Euler steps.
      const middle = asSigma(Math.sqrt(sigma * down));
      const atMiddle = await run.denoise(eulerStep(x, denoised, sigma, middle), middle);
      x = eulerStep(x, atMiddle, sigma, down);
    }
    if (next > 0) x = combine([1, x], [up * sNoise, run.noise(sigma, next)]);
    yield { step, sigma: next, x, denoised };
  }
}
