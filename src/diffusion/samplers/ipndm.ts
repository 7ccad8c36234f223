/**
 * IPNDM: Adams-Bashforth of order up to 4 in sigma, as if steps were equally long. Zhang and Chen 2023; Liu et al. 2022;
 * ComfyUI `sample_ipndm`. With weights for the real step lengths it is `lms`.
 */

import { combine, type Latent, type Term } from '../numbers.ts';
import { adamsBashforth } from './adams-bashforth.ts';
import type { SamplerRun, SamplerStep } from './sampler.ts';

export async function* ipndm(run: SamplerRun): AsyncGenerator<SamplerStep, void, undefined> {
  const { sigmas } = run.schedule;
  const slopes: Latent[] = [];
  let x = run.x;
  for (let step = 0; step < sigmas.length - 1; step++) {
    const sigma = sigmas[step]!;
    const next = sigmas[step + 1]!;
    const denoised = await run.denoise(x, sigma);
    slopes.unshift(combine([1 / sigma, x], [-1 / sigma, denoised]));
    slopes.length = Math.min(slopes.length, adamsBashforth.length);
    const weights = adamsBashforth[slopes.length - 1]!;
    const terms = slopes.map((slope, k): Term => [weights[k]! * (next - sigma), slope]);
    x = next > 0 ? combine([1, x], ...terms) : denoised.slice();
    yield { step, sigma: next, x, denoised };
  }
}
