/**
 * UniPC, data prediction, B(h) = h ("bh1") or e^h - 1 ("bh2"), or coefficients that vary ("vary_coeff", as the authors'
 * code has them, whose corrector leaves terms out), orders 1 to 3, lower orders at both ends. Zhao et al. 2023,
 * algorithms 5 and 6. Each step predicts, evaluates there once and corrects; the last step only predicts. The
 * yielded state is the corrected one.
 *
 * Left out: noise prediction, singlestep updates.
 */

import { alphaBarOfSigma } from '../noise-table.ts';
import { combine, type Latent, type Term } from '../numbers.ts';
import type { SamplerRun, SamplerStep, UnipcVariant } from './sampler.ts';
import { predictVp } from './variance-preserving.ts';

export async function* unipc(run: SamplerRun): AsyncGenerator<SamplerStep, void, undefined> {
  const { order = 3, variant = 'bh1', lowerOrderFinal = true } = run.settings ?? {};
  const { sigmas } = run.schedule;
  const steps = sigmas.length - 1;
  const estimate = async (at: Latent, i: number) => (await predictVp(run.denoise, at, sigmas[i]!)).denoised;
  /** Estimates at the points so far, newest first. */
  const history: Latent[] = [await estimate(run.x, 0)];
  let x = run.x;
  for (let step = 0; step < steps; step++) {
    const stepOrder = Math.min(order, lowerOrderFinal ? steps - step : order, step + 1);
    const update = new UniUpdate(sigmas.slice(step + 1 - stepOrder, step + 2).reverse(), variant);
    const predicted = update.predict(x, history);
    const denoised = step < steps - 1 ? await estimate(predicted, step + 1) : history[0]!;
    x = step < steps - 1 ? update.correct(x, history, denoised) : predicted;
    history.unshift(denoised);
    history.length = Math.min(history.length, 3);
    yield { step, sigma: sigmas[step + 1]!, x, denoised };
  }
}

/** The coefficients of one step. */
class UniUpdate {
  /** Lengths back to earlier points in units of this step's, negative; then 1 for the step's own end. */
  readonly #ratios: number[];
  readonly #scale: number;
  readonly #toEstimate: number;
  readonly #toDifferences: number;
  /** Weights of the differences; of the corrector the last is that of the step's own end. */
  readonly #predictor: readonly number[];
  readonly #corrector: readonly number[];

  /** `levels`: the noise level at the end of the step, at its start, and earlier ones, newest first. */
  constructor(levels: readonly number[], variant: UnipcVariant) {
    const [end, start, ...earlier] = levels as [number, number, ...number[]];
    const h = Math.log(start / end);
    this.#ratios = [...earlier.map((level) => Math.log(start / level) / h), 1];
    const alpha = Math.sqrt(alphaBarOfSigma(end));
    const growth = Math.expm1(-h);
    const b = { bh1: -h, bh2: growth, vary_coeff: 1 }[variant];
    this.#scale = (end * alpha) / (start * Math.sqrt(alphaBarOfSigma(start)));
    this.#toEstimate = -alpha * growth;
    this.#toDifferences = -alpha * b;
    const moments = momentsOver(this.#ratios.length, -h, growth);
    const weights =
      variant === 'vary_coeff' ? varyingWeights(this.#ratios, moments) : fixedWeights(this.#ratios, moments, b);
    this.#predictor = weights.predictor;
    this.#corrector = weights.corrector;
  }

  predict(x: Latent, history: readonly Latent[]): Latent {
    return this.#combine(x, history, this.#predictor);
  }

  correct(x: Latent, history: readonly Latent[], atEnd: Latent): Latent {
    const own = this.#corrector.at(-1)! * this.#toDifferences;
    const earlier = this.#combine(x, history, this.#corrector.slice(0, -1));
    return combine([1, earlier], [own, atEnd], [-own, history[0]!]);
  }

  /** Adds to the first-order step the weighted divided differences to earlier estimates. */
  #combine(x: Latent, history: readonly Latent[], rho: readonly number[]): Latent {
    const newest = history[0]!;
    const terms = rho.flatMap((weight, k): Term[] => {
      const factor = (weight * this.#toDifferences) / this.#ratios[k]!;
      return [
        [factor, history[k + 1]!],
        [-factor, newest],
      ];
    });
    return combine([this.#scale, x], [this.#toEstimate, newest], ...terms);
  }
}

interface Weights {
  readonly predictor: readonly number[];
  readonly corrector: readonly number[];
}

/** Of B(h). With a single difference the paper takes 1/2, which leaves the system's own solution at second order. */
function fixedWeights(ratios: readonly number[], moments: readonly number[], b: number): Weights {
  const rows = ratios.map((_, i) => ratios.map((ratio) => ratio ** i));
  const right = moments.map((moment) => moment / b);
  const of = (count: number): number[] => (count === 1 ? [0.5] : solve(leading(rows, count), right.slice(0, count)));
  return { predictor: of(ratios.length - 1), corrector: of(ratios.length) };
}

/** Of coefficients that vary: by the inverse of r_i^k / (k + 1)!, row by row with phi_{k+2}. */
function varyingWeights(ratios: readonly number[], moments: readonly number[]): Weights {
  const count = ratios.length;
  const factorials = [1, 2, 6, 24];
  const phis = moments.map((moment, k) => moment / factorials[k]!);
  const system = ratios.map((ratio) => phis.map((_, k) => ratio ** k / factorials[k]!));
  const inverse = (n: number): number[][] => {
    const columns = Array.from({ length: n }, (_, j) =>
      solve(
        leading(system, n),
        Array.from({ length: n }, (_unused, i) => Number(i === j)),
      ),
    );
    return Array.from({ length: n }, (_, k) => columns.map((column) => column[k]!));
  };
  const over = (rows: readonly (readonly number[])[], j: number): number =>
    rows.slice(0, count - 1).reduce((sum, row, k) => sum + phis[k]! * row[j]!, 0);
  const [few, all] = [inverse(count - 1), inverse(count)];
  const earlier = Array.from({ length: count - 1 }, (_, j) => j);
  return {
    predictor: earlier.map((j) => over(few, j)),
    corrector: [...earlier.map((j) => over(all, j)), phis[count - 1]! * all[Math.max(count - 2, 0)]![count - 1]!],
  };
}

/** i! * phi_{i+1}(hh) * hh for i = 1..count, by the recurrence phi_{i+1} = (phi_i - 1/i!) / hh. */
function momentsOver(count: number, hh: number, growth: number): number[] {
  const moments: number[] = [];
  let phi = growth / hh - 1;
  let factorial = 1;
  for (let i = 1; i <= count; i++) {
    moments.push(phi * factorial);
    factorial *= i + 1;
    phi = phi / hh - 1 / factorial;
  }
  return moments;
}

function leading(rows: readonly (readonly number[])[], count: number): number[][] {
  return rows.slice(0, count).map((row) => row.slice(0, count));
}

/** Solves a system of up to three equations by elimination with pivoting. */
function solve(rows: readonly (readonly number[])[], right: readonly number[]): number[] {
  const a = rows.map((row, i) => [...row, right[i]!]);
  const n = a.length;
  for (let k = 0; k < n; k++) {
    const pivot = a.slice(k).reduce((best, row, i) => (Math.abs(row[k]!) > Math.abs(a[best]![k]!) ? k + i : best), k);
    [a[k], a[pivot]] = [a[pivot]!, a[k]!];
    for (let i = k + 1; i < n; i++) {
      const factor = a[i]![k]! / a[k]![k]!;
      for (let j = k; j <= n; j++) a[i]![j]! -= factor * a[k]![j]!;
    }
  }
  const solution = new Array<number>(n).fill(0);
  for (let k = n - 1; k >= 0; k--) {
    const known = solution.reduce((sum, value, j) => (j > k ? sum + a[k]![j]! * value : sum), 0);
    solution[k] = (a[k]![n]! - known) / a[k]![k]!;
  }
  return solution;
}
