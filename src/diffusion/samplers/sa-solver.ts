/**
 * SA-Solver: a stochastic Adams predictor and corrector of order 2 on clean estimates. Fresh noise (tau = eta) acts
 * between timesteps 200 and 800 only. Xue et al. 2023, algorithm 1; diffusers `SASolverScheduler`, whose third-order
 * terms at order 2 are kept. One evaluation a step: the corrector takes the estimate at the predicted state.
 */

import { combine, type Latent, type Term } from '../numbers.ts';
import { lagrangeBasis } from './lagrange.ts';
import type { SamplerRun, SamplerStep } from './sampler.ts';

const stochasticFrom = 200;
const stochasticTo = 800;
const largestOrder = 2;

/** What a step was made of, for the corrector. */
interface Prediction {
  readonly from: Latent;
  readonly fresh: readonly Term[];
  readonly tau: number;
}

export async function* saSolver(run: SamplerRun): AsyncGenerator<SamplerStep, void, undefined> {
  const { eta = 1, sNoise = 1 } = run.settings ?? {};
  const { sigmas, timesteps } = run.schedule;
  const steps = sigmas.length - 1;
  /** Clean estimates, newest first. */
  const history: Latent[] = [];
  let x = run.x;
  let last: Prediction | undefined;
  for (let step = 0; step < steps; step++) {
    const sigma = sigmas[step]!;
    const next = sigmas[step + 1]!;
    const denoised = await run.denoise(x, sigma);
    history.unshift(denoised);
    history.length = Math.min(history.length, largestOrder);
    // The one before is the start of the step that is corrected.
    if (last) x = adams(sigmas[step - 1]!, sigma, [sigma, sigmas[step - 1]!], history, last, correction);
    if (next === 0) {
      x = denoised.slice();
    } else {
      const timestep = timesteps?.[step] ?? run.table.timestepAt(sigma);
      const tau = timestep >= stochasticFrom && timestep <= stochasticTo ? eta : 0;
      const deviation = next * Math.sqrt(-Math.expm1(-2 * tau * tau * Math.log(sigma / next))) * sNoise;
      const noise = run.noise(sigma, next);
      last = { from: x, fresh: deviation > 0 ? [[deviation, noise]] : [], tau };
      const order = Math.min(history.length, steps - step);
      const levels = [sigma, sigmas[step - 1]!].slice(0, order);
      x = adams(sigma, next, levels, history, last, prediction);
    }
    yield { step, sigma: next, x, denoised };
  }
}

/** Adds to the first of two weights, and takes from the second, at order 2. */
type ThirdOrder = (h: number, c: number, levels: readonly number[]) => number;

const remainder = (h: number, c: number): number => (h * c - 1 + Math.exp(-c * h)) / c ** 2;
const prediction: ThirdOrder = (h, c, [s, before]) => (h ** 2 / 2 - remainder(h, c)) / Math.log(before! / s!);
const correction: ThirdOrder = (h, c) => h / 2 - remainder(h, c) / h;

/** The exact step from `s` to `t` for clean estimates that are a polynomial through `history` at `levels`. */
function adams(
  s: number,
  t: number,
  levels: readonly number[],
  history: readonly Latent[],
  { from, fresh, tau }: Prediction,
  thirdOrder: ThirdOrder,
): Latent {
  const h = Math.log(s / t);
  const c = 1 + tau * tau;
  const nodes = levels.map((level) => Math.log(t / level));
  const weights = levels.map((_, k) => expIntegral(lagrangeBasis(nodes, k), h, c));
  if (levels.length === 2) {
    const extra = thirdOrder(h, c, levels);
    weights[0]! += extra;
    weights[1]! -= extra;
  }
  const terms = weights.map((weight, k): Term => [c * weight, history[k]!]);
  return combine([Math.exp(-tau * tau * h) * (t / s), from], ...terms, ...fresh);
}

/** Integral of polynomial(u) e^(c u) from -h to 0. */
function expIntegral(polynomial: readonly number[], h: number, c: number): number {
  const edge = Math.exp(-c * h);
  let integral = -Math.expm1(-c * h) / c;
  let sum = polynomial[0]! * integral;
  for (let n = 1; n < polynomial.length; n++) {
    integral = (-((-h) ** n) * edge - n * integral) / c;
    sum += polynomial[n]! * integral;
  }
  return sum;
}
