/**
 * TCD: trajectory consistency distillation with strategic stochastic sampling; `eta` is the paper's gamma. Zheng et al.
 * 2024, algorithm 4; diffusers scheduling_tcd.py. The schedule must name its timesteps and end at the table's first.
 */

import { InternalError } from '#core/errors';
import { alphaBarOfSigma } from '../noise-table.ts';
import { combine } from '../numbers.ts';
import type { SamplerRun, SamplerStep } from './sampler.ts';
import { predictVp } from './variance-preserving.ts';

export async function* tcd(run: SamplerRun): AsyncGenerator<SamplerStep, void, undefined> {
  const { eta = 0.3 } = run.settings ?? {};
  const { sigmas, timesteps } = run.schedule;
  if (!timesteps) throw new InternalError('TCD needs a schedule that names its timesteps');
  let x = run.x;
  const last = sigmas.length - 2;
  for (let step = 0; step <= last; step++) {
    const sigma = sigmas[step]!;
    const next = sigmas[step + 1]!;
    const { denoised, epsilon } = await predictVp(run.denoise, x, sigma);
    // First to a timestep below the next one, then noise back up to it.
    const nextTimestep = step === last ? 0 : timesteps[step + 1]!;
    const jump = alphaBarOfSigma(run.table.sigmaAt(Math.floor((1 - eta) * nextTimestep)));
    x = combine([Math.sqrt(jump), denoised], [Math.sqrt(1 - jump), epsilon]);
    if (eta > 0 && step < last) {
      const ratio = alphaBarOfSigma(next) / jump;
      x = combine([Math.sqrt(ratio), x], [Math.sqrt(1 - ratio), run.noise(sigma, next)]);
    }
    yield { step, sigma: next, x, denoised };
  }
}
