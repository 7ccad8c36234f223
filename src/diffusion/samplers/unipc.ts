/**
 * UniPC, data prediction, B(h) = h ("bh1") or e^h - 1 ("bh2"), orders 1 to 3, lower orders at both ends. Zhao et al.
 * 2023, algorithms 5 and 6. Each step predicts, evaluates there once and corrects; the last step only predicts. The
 * yielded state is the corrected one.
 *
 * Left out: `vary_coeff`, noise prediction, singlestep updates.
 */

import { alphaBarOfSigma } from '../noise-table.ts';
import { combine, type Latent, type Term } from '../numbers.ts';
import type { SamplerRun, SamplerStep } from './sampler.ts';
import { predictVp } from './variance-preserving.ts';

export async function* unipc(run: SamplerRun): AsyncGenerator<SamplerStep, void, undefined> {
  const { order = 3, variant = 'bh1' } = run.settings ?? {};
  const { sigmas } = run.schedule;
  const steps = sigmas.length - 1;
  const estimate = async (at: Latent, i: number) => (await predictVp(run.denoise, at, sigmas[i]!)).denoised;
  /** Estimates at the points so far, newest first. */
  const history: Latent[] = [await estimate(run.x, 0)];
  let x = run.x;
  for (let step = 0; step < steps; step++) {
    const stepOrder = Math.min(order, steps - step, step + 1);
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
  readonly #rows: number[][];
  readonly #right: number[];
  readonly #scale: number;
  readonly #toEstimate: number;
  readonly #toDifferences: number;

  /** `levels`: the noise level at the end of the step, at its start, and earlier ones, newest first. */
  constructor(levels: readonly number[], variant: 'bh1' | 'bh2') {
    const [end, start, ...earlier] = levels as [number, number, ...number[]];
    const h = Math.log(start / end);
    this.#ratios = [...earlier.map((level) => Math.log(start / level) / h), 1];
    const alpha = Math.sqrt(alphaBarOfSigma(end));
    const growth = Math.expm1(-h);
    const b = variant === 'bh1' ? -h : growth;
    this.#scale = (end * alpha) / (start * Math.sqrt(alphaBarOfSigma(start)));
    this.#toEstimate = -alpha * growth;
    this.#toDifferences = -alpha * b;
    this.#rows = this.#ratios.map((_, i) => this.#ratios.map((ratio) => ratio ** i));
    this.#right = momentsOver(this.#ratios.length, -h, growth).map((moment) => moment / b);
  }

  predict(x: Latent, history: readonly Latent[]): Latent {
    const count = this.#ratios.length - 1;
    // With a single difference the paper takes 1/2, which leaves the system's own solution at second order.
    const rho = count === 1 ? [0.5] : solve(leading(this.#rows, count), this.#right.slice(0, count));
    return this.#combine(x, history, rho);
  }

  correct(x: Latent, history: readonly Latent[], atEnd: Latent): Latent {
    const count = this.#ratios.length;
    const rho = count === 1 ? [0.5] : solve(this.#rows, this.#right);
    const own = rho[count - 1]! * this.#toDifferences;
    return combine([1, this.#combine(x, history, rho.slice(0, -1))], [own, atEnd], [-own, history[0]!]);
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
