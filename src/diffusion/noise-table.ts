/**
 * What the training noise of a model says about sampling: beta tables, their running products, and the mapping between
 * noise level (sigma) and timestep. Everything in float64; programs that keep float32 tables differ by about 1e-6.
 *
 * Sources: Ho et al. 2020 (linear), Rombach et al. 2022 (scaled linear), Nichol and Dhariwal 2021 eq. 17 (cosine),
 * Lin et al. 2023 algorithm 1 (zero terminal SNR), k-diffusion external.py `DiscreteSchedule` (sigma <-> t).
 */

import { InternalError } from '#core/errors';
import { f16BitsToNumber, numberToF16Bits } from '#core/half';
import { asSigma, asTimestep, linspace, type Sigma, type Timestep } from './numbers.ts';

export interface NoiseTable {
  /** Noise level of every training timestep, ascending. */
  readonly sigmas: Float64Array;
  sigmaAt(timestep: number): Sigma;
  /** Inverse of `sigmaAt`, clamped to the table; never called with 0. */
  timestepAt(sigma: number): Timestep;
}

/** DDPM's table. */
export function linearBetas(start = 1e-4, end = 0.02, count = 1000): Float64Array {
  return Float64Array.from(linspace(start, end, count));
}

/** Stable Diffusion's table: linear in the square root. */
export function scaledLinearBetas(start = 0.00085, end = 0.012, count = 1000): Float64Array {
  return Float64Array.from(linspace(Math.sqrt(start), Math.sqrt(end), count), (root) => root * root);
}

/** Improved DDPM's table; `squaredcos_cap_v2` of diffusers. */
export function cosineBetas(count = 1000, largest = 0.999): Float64Array {
  const f = (u: number) => Math.cos(((u + 0.008) / 1.008) * (Math.PI / 2)) ** 2;
  return Float64Array.from({ length: count }, (_, i) => Math.min(1 - f((i + 1) / count) / f(i / count), largest));
}

/** alpha-bar: the running product of 1 - beta. */
export function alphasCumprod(betas: Float64Array): Float64Array {
  let product = 1;
  return betas.map((beta) => {
    product *= 1 - beta;
    return product;
  });
}

/** alpha-bar with its square root shifted to end at 0 and scaled to keep its first value. */
export function zeroTerminalSnr(alphaBars: Float64Array): Float64Array {
  const first = Math.sqrt(alphaBars[0]!);
  const last = Math.sqrt(alphaBars[alphaBars.length - 1]!);
  return alphaBars.map((alphaBar) => (((Math.sqrt(alphaBar) - last) * first) / (first - last)) ** 2);
}

/** What A1111 and ComfyUI put in place of a last alpha-bar of 0, so that sigma stays finite (4518.76). */
export const smallestAlphaBar = 4.8973451890853435e-8;

/** alpha-bar -> sigma; 0 becomes infinite. */
export function sigmaOfAlphaBar(alphaBar: number): Sigma {
  return asSigma(Math.sqrt((1 - alphaBar) / alphaBar));
}

/** sigma -> alpha-bar. */
export function alphaBarOfSigma(sigma: number): number {
  return 1 / (1 + sigma * sigma);
}

/** The table of a model trained with these alpha-bars; a last value of 0 is replaced by `smallestAlphaBar`. */
export function discreteTable(alphaBars: Float64Array): NoiseTable {
  return tableOfSigmas(alphaBars.map((alphaBar) => sigmaOfAlphaBar(alphaBar === 0 ? smallestAlphaBar : alphaBar)));
}

/**
 * Stable Diffusion 1 and 2, SDXL: 1000 scaled linear steps, sigma 0.0292 to 14.6146.
 * @internal For tests and benchmarks.
 */
export function stableDiffusionTable(): NoiseTable {
  return discreteTable(alphasCumprod(scaledLinearBetas()));
}

/** Which numbers are kept in half precision: the products of alphas, or the levels made of them and their logarithms too. */
export type Halves = 'products' | 'levels';

/**
 * The table of a model whose products of alphas are rounded to half precision, as A1111 drew before 1.7 and draws with
 * `use_downcasted_alpha_bar`; its k-diffusion samplers then compute levels in halves as well. Undefined where halves
 * cannot tell neighbouring levels apart.
 */
export function halfTable(alphaBars: Float64Array, halves: Halves): NoiseTable | undefined {
  const rounded = alphaBars.map(toHalf);
  const sigmas =
    halves === 'products'
      ? rounded.map(sigmaOfAlphaBar)
      : rounded.map((a) => toHalf(Math.sqrt(toHalf(toHalf(1 - a) / a))));
  const logSigmas = sigmas.map((sigma) => (halves === 'products' ? Math.log(sigma) : toHalf(Math.log(sigma))));
  const ascends = logSigmas.every((value, i) => Number.isFinite(value) && (i === 0 || value > logSigmas[i - 1]!));
  return ascends ? tableOfSigmas(sigmas, logSigmas) : undefined;
}

const toHalf = (value: number): number => f16BitsToNumber(numberToF16Bits(value));

/** A table with linear interpolation of ln sigma between entries; `sigmas` ascend and are positive. */
export function tableOfSigmas(sigmas: Float64Array, logSigmas = sigmas.map(Math.log)): NoiseTable {
  for (let i = 0; i < sigmas.length; i++) {
    if (!(sigmas[i]! > (i === 0 ? 0 : sigmas[i - 1]!) && Number.isFinite(sigmas[i]!))) {
      throw new InternalError(`noise levels must be positive, finite and ascend; entry ${i} is ${sigmas[i]}`);
    }
  }
  const last = sigmas.length - 1;
  return {
    sigmas,
    sigmaAt(timestep) {
      const t = Math.min(Math.max(timestep, 0), last);
      const low = Math.floor(t);
      if (low === t) return asSigma(Math.exp(logSigmas[low]!));
      const weight = t - low;
      return asSigma(Math.exp((1 - weight) * logSigmas[low]! + weight * logSigmas[low + 1]!));
    },
    timestepAt(sigma) {
      const logSigma = Math.log(sigma);
      const low = lowerIndex(logSigmas, logSigma);
      const span = logSigmas[low + 1]! - logSigmas[low]!;
      const weight = Math.min(Math.max((logSigma - logSigmas[low]!) / span, 0), 1);
      return asTimestep(low + weight);
    },
  };
}

/** Index of the last entry not above `value`, at least 0 and at most the last but one. */
function lowerIndex(ascending: Float64Array, value: number): number {
  let low = 0;
  let high = ascending.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (ascending[middle]! <= value) low = middle;
    else high = middle;
  }
  return low;
}

/** The whole timestep whose ln sigma is nearest: A1111's `enable_quantization`, diffusers' rounded timesteps. */
export function nearestTimestep(table: NoiseTable, sigma: number): Timestep {
  const logSigma = Math.log(sigma);
  const below = Math.floor(table.timestepAt(sigma));
  const above = Math.min(below + 1, table.sigmas.length - 1);
  const distance = (t: number) => Math.abs(logSigma - Math.log(table.sigmas[t]!));
  return asTimestep(distance(above) < distance(below) ? above : below);
}
