/** Euler a: an Euler step to less noise than wanted, and fresh noise for the rest. k-diffusion `sample_euler_ancestral`. */

import { combine } from '../numbers.ts';
import { ancestralStep, eulerStep, type SamplerRun, type SamplerStep } from './sampler.ts';

export async function* eulerAncestral(run: SamplerRun): AsyncGenerator<SamplerStep, void, undefined> {
  const { eta = 1, sNoise = 1 } = run.settings ?? {};
  const { sigmas } = run.schedule;
  let x = run.x;
  for (let step = 0; step < sigmas.length - 1; step++) {
    const sigma = sigmas[step]!;
    const next = sigmas[step + 1]!;
    const denoised = await run.denoise(x, sigma);
    const { down, up } = ancestralStep(sigma, next, eta);
    x = eulerStep(x, denoised, sigma, down);
    if (next > 0) x = combine([1, x], [up * sNoise, run.noise(sigma, next)]);
    yield { step, sigma: next, x, denoised };
  }
}
