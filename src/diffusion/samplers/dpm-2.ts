/** DPM2: the midpoint rule in ln sigma, with optional churn. k-diffusion `sample_dpm_2`. Two evaluations a step. */

import { asSigma, combine } from '../numbers.ts';
import { churn, eulerStep, type SamplerRun, type SamplerStep } from './sampler.ts';

export async function* dpm2(run: SamplerRun): AsyncGenerator<SamplerStep, void, undefined> {
  const { sigmas } = run.schedule;
  let x = run.x;
  for (let step = 0; step < sigmas.length - 1; step++) {
    const { x: from, sigma } = churn(x, run, step);
    const next = sigmas[step + 1]!;
    const denoised = await run.denoise(from, sigma);
    if (next === 0) {
      x = eulerStep(from, denoised, sigma, next);
    } else {
      const middle = asSigma(Math.sqrt(sigma * next));
      const halfway = eulerStep(from, denoised, sigma, middle);
      const atMiddle = await run.denoise(halfway, middle);
      const slope = (next - sigma) / middle;
      x = combine([1, from], [slope, halfway], [-slope, atMiddle]);
    }
    yield { step, sigma: next, x, denoised };
  }
}
