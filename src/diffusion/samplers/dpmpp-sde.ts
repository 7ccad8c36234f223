/** DPM++ SDE: two-stage stochastic solver (r = 1/2) in data form. Lu et al. 2022b; k-diffusion `sample_dpmpp_sde`. */

import { asSigma, combine } from '../numbers.ts';
import { ancestralStep, eulerStep, type SamplerRun, type SamplerStep } from './sampler.ts';

export async function* dpmppSde(run: SamplerRun): AsyncGenerator<SamplerStep, void, undefined> {
  const { eta = 1, sNoise = 1 } = run.settings ?? {};
  const { sigmas } = run.schedule;
  let x = run.x;
  for (let step = 0; step < sigmas.length - 1; step++) {
    const sigma = sigmas[step]!;
    const next = sigmas[step + 1]!;
    const denoised = await run.denoise(x, sigma);
    if (next === 0) {
      x = eulerStep(x, denoised, sigma, next);
    } else {
      const middle = asSigma(Math.sqrt(sigma * next));
      const half = ancestralStep(sigma, middle, eta);
      const halfway = combine(
        [1, eulerStep(x, denoised, sigma, half.down)],
        [half.up * sNoise, run.noise(sigma, middle)],
      );
      const atMiddle = await run.denoise(halfway, middle);
      const full = ancestralStep(sigma, next, eta);
      x = combine([1, eulerStep(x, atMiddle, sigma, full.down)], [full.up * sNoise, run.noise(sigma, next)]);
    }
    yield { step, sigma: next, x, denoised };
  }
}
