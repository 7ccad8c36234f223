/**
 * Single steps of DPM-Solver of order 1 to 3 in noise form, over t = -ln sigma. Lu et al. 2022a, algorithms 1, 4 and 5;
 * k-diffusion `DPMSolver`. The intermediate evaluations of one start are shared between orders.
 */

import type { NoiseTable } from '../noise-table.ts';
import { asSigma, combine, type Latent } from '../numbers.ts';
import type { Denoise } from '../parameterization.ts';

const sigmaAt = (t: number) => asSigma(Math.exp(-t));

/** Steps from one point (x, t) to wherever is asked for. */
export class DpmSolverStart {
  readonly #denoise: Denoise;
  readonly #x: Latent;
  readonly #t: number;
  /** Noise estimates at intermediate points, by where they lie: a second-order step's first is a third-order step's. */
  readonly #stages = new Map<string, Latent>();
  readonly denoised: Latent;
  readonly #epsilon: Latent;

  private constructor(denoise: Denoise, x: Latent, t: number, denoised: Latent) {
    this.#denoise = denoise;
    this.#x = x;
    this.#t = t;
    this.denoised = denoised;
    this.#epsilon = epsilonOf(x, denoised, sigmaAt(t));
  }

  static async at(denoise: Denoise, x: Latent, t: number): Promise<DpmSolverStart> {
    return new DpmSolverStart(denoise, x, t, await denoise(x, sigmaAt(t)));
  }

  /** First order: the exact solution for constant noise. */
  first(to: number): Latent {
    return combine([1, this.#x], [-sigmaAt(to) * Math.expm1(to - this.#t), this.#epsilon]);
  }

  /** Second order with one stage `r` of the way. */
  async second(to: number, r = 1 / 2): Promise<Latent> {
    const h = to - this.#t;
    const stage = await this.#firstStage(r * h);
    const gain = sigmaAt(to) * Math.expm1(h);
    return combine([1, this.#x], [-gain * (1 - 1 / (2 * r)), this.#epsilon], [-gain / (2 * r), stage]);
  }

  /** Third order with stages a third and two thirds of the way. */
  async third(to: number): Promise<Latent> {
    const [r1, r2] = [1 / 3, 2 / 3];
    const h = to - this.#t;
    const stage1 = await this.#firstStage(r1 * h);
    const s2 = this.#t + r2 * h;
    const mix = sigmaAt(s2) * (r2 / r1) * (Math.expm1(r2 * h) / (r2 * h) - 1);
    const x2 = combine([1, this.#x], [mix - sigmaAt(s2) * Math.expm1(r2 * h), this.#epsilon], [-mix, stage1]);
    const stage2 = epsilonOf(x2, await this.#denoise(x2, sigmaAt(s2)), sigmaAt(s2));
    const gain = sigmaAt(to) * Math.expm1(h);
    const bend = (sigmaAt(to) / r2) * (Math.expm1(h) / h - 1);
    return combine([1, this.#x], [bend - gain, this.#epsilon], [-bend, stage2]);
  }

  /** The noise estimate after a first-order step of length `ahead`. */
  async #firstStage(ahead: number): Promise<Latent> {
    const key = ahead.toPrecision(12);
    const known = this.#stages.get(key);
    if (known) return known;
    const s1 = this.#t + ahead;
    const x1 = this.first(s1);
    const epsilon = epsilonOf(x1, await this.#denoise(x1, sigmaAt(s1)), sigmaAt(s1));
    this.#stages.set(key, epsilon);
    return epsilon;
  }
}

function epsilonOf(x: Latent, denoised: Latent, sigma: number): Latent {
  return combine([1 / sigma, x], [-1 / sigma, denoised]);
}

/**
 * Both ends of a schedule in -ln sigma, all that these solvers take from it: its first level and, as A1111 has it, its
 * last but one, whether a 0 follows or (KL Optimal) not. A schedule of one noise level stands for the way from there to
 * the table's smallest, if that is below it.
 */
export function levelRange(sigmas: readonly number[], table: NoiseTable): { start: number; end: number } {
  const largest = sigmas[0]!;
  const smallest = sigmas.at(-2) ?? largest;
  const end = smallest < largest ? smallest : Math.min(table.sigmas[0]!, largest);
  return { start: -Math.log(largest), end: -Math.log(end) };
}

/** How far to step deterministically towards `to`, and the fresh noise that makes up for the rest. */
export function ancestralTarget(from: number, to: number, end: number, eta: number): { down: number; up: number } {
  if (eta === 0) return { down: to, up: 0 };
  const s = Math.exp(-from);
  const t = Math.exp(-to);
  const fresh = Math.min(t, eta * Math.sqrt((t * t * (s * s - t * t)) / (s * s)));
  const down = Math.min(end, -Math.log(Math.sqrt(t * t - fresh * fresh)));
  return { down, up: Math.sqrt(Math.max(t * t - Math.exp(-2 * down), 0)) };
}
