/** DPM++ 3M SDE: stochastic three-step multistep in data form. k-diffusion `sample_dpmpp_3m_sde`. */

import { combine, type Latent, type Term } from '../numbers.ts';
import type { SamplerRun, SamplerStep } from './sampler.ts';

export async function* dpmpp3mSde(run: SamplerRun): AsyncGenerator<SamplerStep, void, undefined> {
  const { eta = 1, sNoise = 1 } = run.settings ?? {};
  const { sigmas } = run.schedule;
  const history: Latent[] = [];
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
      const ratios = history.map((_, k) => Math.log(sigmas[step - 1 - k]! / sigmas[step - k]!) / h);
      const terms: Term[] = [[-Math.expm1(-q), denoised], ...corrections(denoised, history, ratios, q)];
      if (eta > 0) terms.push([next * Math.sqrt(-Math.expm1(-2 * eta * h)) * sNoise, run.noise(sigma, next)]);
      x = combine([Math.exp(-q), x], ...terms);
    }
    history.unshift(denoised);
    history.length = Math.min(history.length, 2);
    yield { step, sigma: next, x, denoised };
  }
}

/** Terms of the first and second derivative of the estimate, from one or two earlier ones at `ratios` step lengths. */
function corrections(denoised: Latent, history: readonly Latent[], ratios: readonly number[], q: number): Term[] {
  const [first, second] = history;
  const [r0, r1] = ratios;
  if (!first || r0 === undefined) return [];
  const phi2 = Math.expm1(-q) / q + 1;
  if (!second || r1 === undefined) {
    return [
      [phi2 / r0, denoised],
      [-phi2 / r0, first],
    ];
  }
  const phi3 = phi2 / q - 0.5;
  // d1 = a + (a - b) r0 / (r0 + r1), d2 = (a - b) / (r0 + r1), with divided differences a and b.
  const weightA = phi2 + (phi2 * r0 - phi3) / (r0 + r1);
  const weightB = -(phi2 * r0 - phi3) / (r0 + r1);
  return [
    [weightA / r0, denoised],
    [weightB / r1 - weightA / r0, first],
    [-weightB / r1, second],
  ];
}
