/**
 * DPM fast: DPM-Solver with a fixed number of evaluations, in third-order steps of equal length in ln sigma and one or
 * two lower ones at the end. Lu et al. 2022a, section 3.4; k-diffusion `sample_dpm_fast`. Only the ends and the length
 * of the schedule count; it stops at the smallest noise level without a step to 0.
 */

import { asSigma, combine, linspace } from '../numbers.ts';
import { ancestralTarget, DpmSolverStart, levelRange } from './dpm-solver.ts';
import type { SamplerRun, SamplerStep } from './sampler.ts';

export async function* dpmFast(run: SamplerRun): AsyncGenerator<SamplerStep, void, undefined> {
  const { eta = 0, sNoise = 1 } = run.settings ?? {};
  const { sigmas } = run.schedule;
  const { start, end } = levelRange(sigmas, run.table);
  const orders = dpmFastOrders(sigmas.length - 1);
  const points = linspace(start, end, orders.length + 1);
  let x = run.x;
  for (const [step, order] of orders.entries()) {
    const from = points[step]!;
    const to = points[step + 1]!;
    const { down, up } = ancestralTarget(from, to, end, eta);
    const solver = await DpmSolverStart.at(run.denoise, x, from);
    if (order === 1) x = solver.first(down);
    else x = order === 2 ? await solver.second(down) : await solver.third(down);
    const sigma = asSigma(Math.exp(-to));
    if (up > 0) x = combine([1, x], [up * sNoise, run.noise(Math.exp(-from), sigma)]);
    yield { step, sigma, x, denoised: solver.denoised };
  }
}

/** Orders of the steps, which sum up to the number of evaluations. */
export function dpmFastOrders(evaluations: number): number[] {
  const thirds = Math.floor(evaluations / 3);
  const rest = evaluations % 3;
  return rest === 0 ? [...Array<number>(thirds - 1).fill(3), 2, 1] : [...Array<number>(thirds).fill(3), rest];
}
