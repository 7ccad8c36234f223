/** Numbers that must not be mixed up, and the arrays that samplers work on. */

import { UserError } from '#core/errors';

declare const brand: unique symbol;

/** Noise level in the variance-exploding view: x = x0 + sigma * noise. 0 is a clean latent. */
export type Sigma = number & { readonly [brand]: 'Sigma' };

/** Position on the training noise table, 0 for the least noise; fractional between two entries. */
export type Timestep = number & { readonly [brand]: 'Timestep' };

/** Seed of one image: a whole number from 0 to 2^53. */
export type Seed = number & { readonly [brand]: 'Seed' };

/** Latents of a batch in row-major order, [B, C, H, W]. float32 in use, float64 against goldens. */
export type Latent = Float32Array | Float64Array;

export function asSigma(value: number): Sigma {
  return value as Sigma;
}

export function asSigmas(values: readonly number[]): readonly Sigma[] {
  return values as readonly Sigma[];
}

export function asTimestep(value: number): Timestep {
  return value as Timestep;
}

export function asTimesteps(values: readonly number[]): readonly Timestep[] {
  return values as readonly Timestep[];
}

/** @throws UserError when `value` is not a whole number from 0 to 2^53. */
export function asSeed(value: number): Seed {
  if (!Number.isInteger(value) || value < 0 || value > 2 ** 53) {
    throw new UserError('seed.invalid', `A seed is a whole number from 0 to 2^53 (9007199254740992); got ${value}.`);
  }
  return value as Seed;
}

/** @throws UserError when `steps` is not a whole number from 1 to `most`. */
export function checkSteps(steps: number, most = Number.MAX_SAFE_INTEGER): void {
  if (Number.isInteger(steps) && steps >= 1 && steps <= most) return;
  const bound = most === Number.MAX_SAFE_INTEGER ? 'from 1' : `from 1 to ${most}`;
  throw new UserError('steps.invalid', `The number of steps is a whole number ${bound}; got ${steps}.`);
}

/**
 * `n` evenly spaced values from `from` to `to`, both included; a single value is `from`. Computed as NumPy does, by
 * multiples of the stride: lists of timesteps are rounded, and halves occur.
 */
export function linspace(from: number, to: number, n: number): number[] {
  const stride = (to - from) / (n - 1);
  return Array.from({ length: n }, (_, i) => (i === 0 ? from : i === n - 1 ? to : from + i * stride));
}

/** Without those that equal the one before: a step of no length is none, and solvers divide by it. */
export function withoutRepeats(values: readonly number[]): number[] {
  return values.filter((value, i) => i === 0 || value !== values[i - 1]);
}

/** Nearest whole number, halves to even, as NumPy rounds. */
export function roundHalfEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  return rest > 0.5 || (rest === 0.5 && below % 2 !== 0) ? below + 1 : below;
}

export type Term = readonly [coefficient: number, values: Latent];

/** The sum of coefficient * values, element by element in double precision; a new array of the first term's type. */
export function combine(first: Term, ...others: Term[]): Latent {
  const terms = [first, ...others].filter(([coefficient]) => coefficient !== 0);
  const out = emptyLike(first[1]);
  const [a, b, c] = terms as [Term?, Term?, Term?];
  if (a && b && !c) return addTwo(out, a, b);
  for (let i = 0; i < out.length; i++) {
    let sum = 0;
    for (const [coefficient, values] of terms) sum += coefficient * values[i]!;
    out[i] = sum;
  }
  return out;
}

function addTwo(out: Latent, [a, x]: Term, [b, y]: Term): Latent {
  for (let i = 0; i < out.length; i++) out[i] = a * x[i]! + b * y[i]!;
  return out;
}

/** A zeroed array of the same type and length. */
export function emptyLike(x: Latent): Latent {
  return x instanceof Float64Array ? new Float64Array(x.length) : new Float32Array(x.length);
}
