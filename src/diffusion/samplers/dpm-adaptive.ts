/**
 * DPM adaptive: DPM-Solver of order 2 or 3 with an embedded lower order for error control by a PID controller. Lu et al.
 * 2022a, algorithm 6; k-diffusion `sample_dpm_adaptive`. Only the ends of the schedule count. The error is taken over
 * the whole batch, so that images influence each other's steps: run it one image at a time.
 */

import { DarkroomError } from '#core/errors';
import { asSigma, combine, type Latent } from '../numbers.ts';
import { ancestralTarget, DpmSolverStart, levelRange } from './dpm-solver.ts';
import type { SamplerRun, SamplerSettings, SamplerStep } from './sampler.ts';

/** Distance in ln sigma at which the end counts as reached. */
const arrived = 1e-5;

export async function* dpmAdaptive(run: SamplerRun): AsyncGenerator<SamplerStep, void, undefined> {
  const settings = run.settings ?? {};
  const { eta = 0, sNoise = 1, order = 3, relativeTolerance = 0.05, absoluteTolerance = 0.0078 } = settings;
  const { start, end } = levelRange(run.schedule.sigmas, run.table);
  const control = new StepControl(settings, eta > 0 ? 1.5 : order);
  let x = run.x;
  let previous = x;
  let t = start;
  if (t >= end - arrived) {
    // Nothing lies between: all that is left is the step to 0 that every other sampler ends with.
    const denoised = await run.denoise(x, run.schedule.sigmas[0]!);
    yield { step: 0, sigma: asSigma(0), x: denoised.slice(), denoised };
  }
  for (let step = 0; t < end - arrived; step++) {
    const to = Math.min(end, t + control.length);
    const { down, up } = ancestralTarget(t, to, end, eta);
    const solver = await DpmSolverStart.at(run.denoise, x, t);
    const low = order === 2 ? solver.first(down) : await solver.second(down, 1 / 3);
    const high = order === 2 ? await solver.second(down) : await solver.third(down);
    const error = scaledError(low, high, previous, relativeTolerance, absoluteTolerance);
    if (!Number.isFinite(error)) {
      throw new DarkroomError('sampler.not-finite', `DPM adaptive met values that are not finite at step ${step}.`);
    }
    if (control.accept(error)) {
      previous = low;
      const fresh = up > 0 ? run.noise(Math.exp(-t), Math.exp(-to)) : high;
      x = combine([1, high], [up * sNoise, fresh]);
      t = to;
    }
    const { length: nextLength, accepted, rejected } = control;
    yield {
      step,
      sigma: asSigma(Math.exp(-t)),
      x,
      denoised: solver.denoised,
      trial: { error, nextLength, accepted, rejected },
    };
  }
}

/** Root mean square of the difference in units of the tolerance. */
function scaledError(low: Latent, high: Latent, previous: Latent, relative: number, absolute: number): number {
  let squares = 0;
  for (let i = 0; i < low.length; i++) {
    const unit = Math.max(absolute, relative * Math.max(Math.abs(low[i]!), Math.abs(previous[i]!)));
    squares += ((low[i]! - high[i]!) / unit) ** 2;
  }
  return Math.sqrt(squares / low.length);
}

/** PID step size control over inverse errors (Söderlind 2003), the factor limited by 1 + atan(factor - 1). */
class StepControl {
  length: number;
  accepted = 0;
  rejected = 0;
  readonly #exponents: readonly [number, number, number];
  readonly #safety: number;
  /** Inverse errors of this trial and the last two accepted ones. */
  #inverse: [number, number, number] | undefined;

  constructor(settings: SamplerSettings, order: number) {
    const { firstLength = 0.05, proportional: p = 0, integral: i = 1, derivative: d = 0 } = settings;
    this.length = Math.abs(firstLength);
    this.#exponents = [(p + i + d) / order, -(p + 2 * d) / order, d / order];
    this.#safety = settings.acceptSafety ?? 0.81;
  }

  /** Judges a trial and sets the length of the next one. */
  accept(error: number): boolean {
    const inverse = 1 / (error + 1e-8);
    this.#inverse ??= [inverse, inverse, inverse];
    this.#inverse[0] = inverse;
    const [e0, e1, e2] = this.#exponents;
    const raw = this.#inverse[0] ** e0 * this.#inverse[1] ** e1 * this.#inverse[2] ** e2;
    const factor = 1 + Math.atan(raw - 1);
    const accepted = factor >= this.#safety;
    if (accepted) {
      this.#inverse = [this.#inverse[0], this.#inverse[0], this.#inverse[1]];
      this.accepted++;
    } else {
      this.rejected++;
    }
    this.length *= factor;
    return accepted;
  }
}
