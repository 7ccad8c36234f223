/**
 * LCM: jump to the consistency model's estimate, add noise of the next level. Luo et al. 2023, algorithm 3. `lcm` is the
 * web UI's, on x0 + sigma noise; `lcmVp` is diffusers'. Where the schedule names timesteps, the estimate gets the
 * boundary scaling of consistency models with sigma_data 0.5 and timesteps times 10.
 */

import { alphaBarOfSigma } from '../noise-table.ts';
import { combine, type Latent } from '../numbers.ts';
import type { SamplerRun, SamplerStep } from './sampler.ts';
import { predictVp } from './variance-preserving.ts';

const sigmaData = 0.5;
const timestepScale = 10;

function boundaryScaled(x: Latent, denoised: Latent, timestep: number | undefined): Latent {
  if (timestep === undefined) return denoised;
  const scaled = timestep * timestepScale;
  const total = scaled ** 2 + sigmaData ** 2;
  return combine([scaled / Math.sqrt(total), denoised], [sigmaData ** 2 / total, x]);
}

export async function* lcm(run: SamplerRun): AsyncGenerator<SamplerStep, void, undefined> {
  const { sNoise = 1 } = run.settings ?? {};
  const { sigmas, timesteps } = run.schedule;
  let x = run.x;
  for (let step = 0; step < sigmas.length - 1; step++) {
    const sigma = sigmas[step]!;
    const next = sigmas[step + 1]!;
    const denoised = boundaryScaled(x, await run.denoise(x, sigma), timesteps?.[step]);
    x = next > 0 ? combine([1, denoised], [next * sNoise, run.noise(sigma, next)]) : denoised.slice();
    yield { step, sigma: next, x, denoised };
  }
}

export async function* lcmVp(run: SamplerRun): AsyncGenerator<SamplerStep, void, undefined> {
  const { sigmas, timesteps } = run.schedule;
  let x = run.x;
  for (let step = 0; step < sigmas.length - 1; step++) {
    const sigma = sigmas[step]!;
    const next = sigmas[step + 1]!;
    const predicted = await predictVp(run.denoise, x, sigma);
    const denoised = boundaryScaled(x, predicted.denoised, timesteps?.[step]);
    const alphaBar = alphaBarOfSigma(next);
    x =
      next > 0
        ? combine([Math.sqrt(alphaBar), denoised], [Math.sqrt(1 - alphaBar), run.noise(sigma, next)])
        : denoised.slice();
    yield { step, sigma: next, x, denoised };
  }
}
