/** DPM++ 2M: two-step multistep in data form. Lu et al. 2022b, algorithm 2; k-diffusion `sample_dpmpp_2m`. */

import { combine, type Latent } from '../numbers.ts';
import { eulerStep, type SamplerRun, type SamplerStep } from './sampler.ts';

export async function* dpmpp2m(run: SamplerRun): AsyncGenerator<SamplerStep, void, undefined> {
  const { sigmas } = run.schedule;
  let previous: Latent | undefined;
  let x = run.x;
  for (let step = 0; step < sigmas.length - 1; step++) {
    const sigma = sigmas[step]!;
    const next = sigmas[step + 1]!;
    const denoised = await run.denoise(x, sigma);
    let estimate = denoised;
    if (previous && next > 0) {
      // Ratio of the last step's length to this one's in ln sigma.
      const r = Math.log(sigmas[step - 1]! / sigma) / Math.log(sigma / next);
      estimate = combine([1 + 1 / (2 * r), denoised], [-1 / (2 * r), previous]);
    }
    x = eulerStep(x, estimate, sigma, next);
    previous = denoised;
    yield { step, sigma: next, x, denoised };
  }
}
