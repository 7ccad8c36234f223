/**
 * Restart: Heun steps, and on reaching sigma 0.1 noise is put back up to 2 to go over that part again. Xu et al. 2023;
 * A1111 modules/sd_samplers_extra.py. Below 20 steps it is plain Heun; the main schedule is shortened by the steps that
 * restarts take, and is Karras whatever was asked for.
 */

import { asSigma, combine } from '../numbers.ts';
import { karrasSigmas } from '../schedules.ts';
import { heunStep } from './heun.ts';
import type { SamplerRun, SamplerStep } from './sampler.ts';

const restartAt = 0.1;
const restartFrom = 2;

export async function* restart(run: SamplerRun): AsyncGenerator<SamplerStep, void, undefined> {
  const { sNoise = 1 } = run.settings ?? {};
  let x = run.x;
  let level: number | undefined;
  for (const [step, [from, to]] of restartIntervals(run.schedule.sigmas).entries()) {
    if (level !== undefined && level < from) {
      x = combine([1, x], [Math.sqrt(from ** 2 - level ** 2) * sNoise, run.noise(level, from)]);
    }
    const result = await heunStep(run.denoise, x, asSigma(from), asSigma(to));
    x = result.x;
    level = to;
    yield { step, sigma: asSigma(to), x, denoised: result.denoised };
  }
}

/** The steps [from, to] in order; where one starts above the end of the last, noise is put back. */
export function restartIntervals(sigmas: readonly number[]): [from: number, to: number][] {
  const steps = sigmas.length - 1;
  if (steps < 20) return pairs(sigmas);
  const [length, times] = steps >= 36 ? [Math.floor(steps / 4), 2] : [9, 1];
  const main = [...karrasSigmas(steps - length * times, sigmas[steps - 1]!, sigmas[0]!), 0];
  const low = nearestIndex(main, restartAt);
  const high = nearestIndex(main, restartFrom);
  if (low === 0 || high >= low) return pairs(main);
  const again = pairs(karrasSigmas(length + 1, main[low]!, main[high]!));
  const repeated = Array.from({ length: times }, () => again).flat();
  return [...pairs(main.slice(0, low + 1)), ...repeated, ...pairs(main.slice(low))];
}

function pairs(values: readonly number[]): [number, number][] {
  return values.slice(1).map((value, i) => [values[i]!, value]);
}

function nearestIndex(values: readonly number[], wanted: number): number {
  const distances = values.map((value) => Math.abs(value - wanted));
  return distances.indexOf(Math.min(...distances));
}
