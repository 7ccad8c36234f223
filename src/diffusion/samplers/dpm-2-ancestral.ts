/** DPM2 a: the midpoint rule to less noise than wanted, and fresh noise. k-diffusion `sample_dpm_2_ancestral`. */

import { asSigma, combine } from '../numbers.ts';
import { ancestralStep, eulerStep, type SamplerRun, type SamplerStep } from './sampler.ts';

export async function* dpm2Ancestral(run: SamplerRun): AsyncGenerator<SamplerStep, void, undefined> {
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
      const middle = asSigma(Math.sqrt(sigma * down));
      const halfway = eulerStep(x, denoised, sigma, middle);
      const atMiddle = await run.denoise(halfway, middle);
      const slope = (down - sigma) / middle;
      x = combine([1, x], [slope, halfway], [-slope, atMiddle]);
    }
    if (next > 0) x = combine([1, x], [up * sNoise, run.noise(sigma, next)]);
    yield { step, sigma: next, x, denoised };
  }
}
