/** LMS: Adams-Bashforth of order 4 over unevenly spaced noise levels. k-diffusion `sample_lms`. */

import { combine, type Latent, type Term } from '../numbers.ts';
import type { SamplerRun, SamplerStep } from './sampler.ts';

const largestOrder = 4;

export async function* lms(run: SamplerRun): AsyncGenerator<SamplerStep, void, undefined> {
  const { sigmas } = run.schedule;
  const slopes: Latent[] = [];
  let x = run.x;
  for (let step = 0; step < sigmas.length - 1; step++) {
    const sigma = sigmas[step]!;
    const next = sigmas[step + 1]!;
    const denoised = await run.denoise(x, sigma);
    slopes.unshift(combine([1 / sigma, x], [-1 / sigma, denoised]));
    slopes.length = Math.min(slopes.length, largestOrder);
    const nodes = slopes.map((_, k) => sigmas[step - k]!);
    const terms = slopes.map((slope, k): Term => [basisIntegral(nodes, k, sigma, next), slope]);
    x = combine([1, x], ...terms);
    yield { step, sigma: next, x, denoised };
  }
}

/**
 * Integral from `from` to `to` of the Lagrange polynomial that is 1 at node k and 0 at the others. Two Gauss points are
 * exact up to degree 3, that is for four nodes.
 */
function basisIntegral(nodes: readonly number[], k: number, from: number, to: number): number {
  const centre = (from + to) / 2;
  const offset = (to - from) / (2 * Math.sqrt(3));
  const basis = (at: number) =>
    nodes.reduce((product, node, j) => (j === k ? product : (product * (at - node)) / (nodes[k]! - node)), 1);
  return ((basis(centre - offset) + basis(centre + offset)) * (to - from)) / 2;
}
