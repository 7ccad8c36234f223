/** Euler, with optional churn. Karras et al. 2022, algorithm 2 without the second-order correction. */

import { churn, eulerStep, type SamplerRun, type SamplerStep } from './sampler.ts';

export async function* euler(run: SamplerRun): AsyncGenerator<SamplerStep, void, undefined> {
  const { sigmas } = run.schedule;
  let x = run.x;
  for (let step = 0; step < sigmas.length - 1; step++) {
    const raised = churn(x, run, step);
    const next = sigmas[step + 1]!;
    const denoised = await run.denoise(raised.x, raised.sigma);
    x = eulerStep(raised.x, denoised, raised.sigma, next);
    yield { step, sigma: next, x, denoised };
  }
}
