/**
 * ER-SDE: extended reverse-time SDE of order up to 3 on clean estimates, with the paper's noise scale
 * sigma (e^(sigma^0.3) + 10). Cui et al. 2023, "Elucidating the solution space of extended reverse-time SDE" (VE
 * ER-SDE-Solver-3), algorithm 3; ComfyUI `sample_er_sde`, whose sums over 200 points stand for the integrals.
 */

import { combine, type Latent, type Term } from '../numbers.ts';
import type { SamplerRun, SamplerStep } from './sampler.ts';

const integrationPoints = 200;
const largestOrder = 3;

const noiseScale = (sigma: number): number => sigma * (Math.exp(sigma ** 0.3) + 10);

export async function* erSde(run: SamplerRun): AsyncGenerator<SamplerStep, void, undefined> {
  const { sNoise = 1, order = largestOrder } = run.settings ?? {};
  const { sigmas } = run.schedule;
  let before: Latent | undefined;
  let slopeBefore: Latent | undefined;
  let x = run.x;
  for (let step = 0; step < sigmas.length - 1; step++) {
    const s = sigmas[step]!;
    const t = sigmas[step + 1]!;
    const denoised = await run.denoise(x, s);
    if (t === 0) {
      x = denoised.slice();
    } else {
      const r = noiseScale(t) / noiseScale(s);
      const terms: Term[] = [[1 - r, denoised]];
      if (before && order >= 2) {
        const { first, second } = gains(s, t);
        const width = s - sigmas[step - 1]!;
        const slope = combine([1 / width, denoised], [-1 / width, before]);
        terms.push([first, slope]);
        if (slopeBefore && order >= 3) {
          const span = (s - sigmas[step - 2]!) / 2;
          terms.push([second / span, slope], [-second / span, slopeBefore]);
        }
        slopeBefore = slope;
      }
      const variance = Math.max(t * t - (s * r) ** 2, 0);
      if (sNoise > 0) terms.push([Math.sqrt(variance) * sNoise, run.noise(s, t)]);
      x = combine([r, x], ...terms);
    }
    before = denoised;
    yield { step, sigma: t, x, denoised };
  }
}

/** Weights of the first and second derivative of the estimate over a step from `s` to `t`. */
function gains(s: number, t: number): { first: number; second: number } {
  const length = t - s;
  const width = -length / integrationPoints;
  let inverse = 0;
  let moment = 0;
  for (let i = 0; i < integrationPoints; i++) {
    const at = t + i * width;
    inverse += width / noiseScale(at);
    moment += (width * (at - s)) / noiseScale(at);
  }
  return { first: length + inverse * noiseScale(t), second: length ** 2 / 2 + moment * noiseScale(t) };
}
