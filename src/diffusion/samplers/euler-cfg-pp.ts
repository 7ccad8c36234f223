/**
 * Euler CFG++ and Euler a CFG++: the clean estimate is the guided one, the noise put back is the unconditional one, so
 * that guidance stays on the manifold of pictures. Chung et al. 2024 (CFG++), algorithm 2 in sigma form; ComfyUI and
 * Forge `sample_euler_cfg_pp`, `sample_euler_ancestral_cfg_pp`. Without guidance they are Euler and Euler a.
 */

import { combine, type Latent, type Term } from '../numbers.ts';
import { ancestralStep, type SamplerRun, type SamplerStep } from './sampler.ts';

export async function* eulerCfgPlusPlus(run: SamplerRun): AsyncGenerator<SamplerStep, void, undefined> {
  const { eta = 0, sNoise = 1 } = run.settings ?? {};
  const { sigmas } = run.schedule;
  let x = run.x;
  for (let step = 0; step < sigmas.length - 1; step++) {
    const sigma = sigmas[step]!;
    const next = sigmas[step + 1]!;
    const denoised = await run.denoise(x, sigma);
    const epsilon = unconditionalNoise(run, x, denoised, sigma);
    const { down, up } = ancestralStep(sigma, next, eta);
    const fresh: Term[] = up > 0 ? [[up * sNoise, run.noise(sigma, next)]] : [];
    x = next > 0 ? combine([1, denoised], [down, epsilon], ...fresh) : denoised.slice();
    yield { step, sigma: next, x, denoised };
  }
}

/** The unit noise to go on with: the unconditional estimate, or what `denoised` leaves of `x` where there is none. */
function unconditionalNoise(run: SamplerRun, x: Latent, denoised: Latent, sigma: number): Latent {
  return run.unconditional?.() ?? combine([1 / sigma, x], [-1 / sigma, denoised]);
}
