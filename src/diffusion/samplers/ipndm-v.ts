/**
 * IPNDM with weights for unequal steps, as published: zju-pi/diff-sampler `ipndm_v_sampler` (Zhang and Chen 2023),
 * which ComfyUI runs as `ipndm_v`. At the fourth order they are not those of the step lengths, nor do they add up to 1;
 * exact ones are `lms`.
 */

import { combine, type Latent, type Term } from '../numbers.ts';
import type { SamplerRun, SamplerStep } from './sampler.ts';

const largestOrder = 4;

export async function* ipndmV(run: SamplerRun): AsyncGenerator<SamplerStep, void, undefined> {
  const { sigmas } = run.schedule;
  const slopes: Latent[] = [];
  let x = run.x;
  for (let step = 0; step < sigmas.length - 1; step++) {
    const sigma = sigmas[step]!;
    const next = sigmas[step + 1]!;
    const denoised = await run.denoise(x, sigma);
    slopes.unshift(combine([1 / sigma, x], [-1 / sigma, denoised]));
    slopes.length = Math.min(slopes.length, largestOrder);
    const lengths = slopes.map((_, k) => sigmas[step + 1 - k]! - sigmas[step - k]!);
    const weights = publishedWeights(lengths);
    const terms = slopes.map((slope, k): Term => [weights[k]! * (next - sigma), slope]);
    x = next > 0 ? combine([1, x], ...terms) : denoised.slice();
    yield { step, sigma: next, x, denoised };
  }
}

/** Of the newest slope first; `lengths`: of this step, then of those before it. */
export function publishedWeights(lengths: readonly number[]): number[] {
  const [h, h1, h2, h3] = lengths as [number, number, number, number];
  if (lengths.length === 1) return [1];
  const [first, second] = [(2 + h / h1) / 2, -(h / h1) / 2];
  if (lengths.length === 2) return [first, second];
  const a = (1 - ((h / (3 * (h + h1))) * (h * (h + h1))) / (h1 * (h1 + h2))) / 2;
  const near = h1 / h2;
  if (lengths.length === 3) return [first + a, second - (1 + near) * a, a * near];
  const b =
    (((1 - h / (3 * (h + h1))) / 2 + ((1 - h / (2 * (h + h1))) * h) / (6 * (h + h1 + h2))) *
      (h * (h + h1) * (h + h1 + h2))) /
    (h1 * (h1 + h2) * (h1 + h2 + h3));
  const far = (h1 * (h1 + h2)) / (h2 * (h2 + h3));
  return [
    first + a + b,
    second - (1 + near) * a - (1 + near + far) * b,
    a * near + (near + far * (1 + h2 / h3)) * b,
    -b * far * near,
  ];
}
