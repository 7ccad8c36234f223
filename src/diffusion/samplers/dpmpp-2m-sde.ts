/** DPM++ 2M SDE, midpoint or Heun: stochastic two-step multistep in data form. k-diffusion `sample_dpmpp_2m_sde`. */

import { combine, type Latent, type Term } from '../numbers.ts';
import type { SamplerRun, SamplerStep } from './sampler.ts';

export async function* dpmpp2mSde(run: SamplerRun): AsyncGenerator<SamplerStep, void, undefined> {
  const { eta = 1, sNoise = 1, solver = 'midpoint' } = run.settings ?? {};
  const { sigmas } = run.schedule;
  let previous: Latent | undefined;
  let x = run.x;
  for (let step = 0; step < sigmas.length - 1; step++) {
    const sigma = sigmas[step]!;
    const next = sigmas[step + 1]!;
    const denoised = await run.denoise(x, sigma);
    if (next === 0) {
      x = denoised.slice();
    } else {
      const h = Math.log(sigma / next);
      const q = (1 + eta) * h;
      const weight = -Math.expm1(-q);
      const terms: Term[] = [[weight, denoised]];
      if (previous) {
        const r = Math.log(sigmas[step - 1]! / sigma) / h;
        const slope = (solver === 'heun' ? 1 - weight / q : weight / 2) / r;
        terms.push([slope, denoised], [-slope, previous]);
      }
      if (eta > 0) terms.push([next * Math.sqrt(-Math.expm1(-2 * eta * h)) * sNoise, run.noise(sigma, next)]);
      x = combine([(next / sigma) * Math.exp(-eta * h), x], ...terms);
    }
    previous = denoised;
    yield { step, sigma: next, x, denoised };
  }
}
