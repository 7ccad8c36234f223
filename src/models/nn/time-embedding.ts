/**
 * Timestep embedding: sinusoids of the timestep, then two linear layers.
 *
 * DDPM (Ho et al. 2020, arXiv:2006.11239) after Vaswani et al.; order [cos, sin] and frequencies
 * exp(-ln(10000) k / half), k = 0 .. half - 1, as in latent diffusion.
 */

import { f32 } from '#core/tensor';
import { add, concat, constant, cos, mul, reshape, silu, sin } from '#graph/build';
import type { Value } from '#graph/value';
import { linear } from './layers.ts';
import type { Scope } from './scope.ts';

const maxPeriod = 10000;

/** Sinusoids of f32 numbers [n] -> [n, width]; `width` is even. */
export function sinusoids(numbers: Value, width: number): Value {
  const half = width / 2;
  const frequencies = Float32Array.from({ length: half }, (_, k) => Math.exp((-Math.log(maxPeriod) * k) / half));
  const angles = mul(reshape(numbers, [numbers.shape[0]!, 1]), constant(f32([1, half], frequencies)));
  return concat([cos(angles), sin(angles)], 1);
}

/** linear, SiLU, linear: [b, in] -> [b, width]; names `linear_1` and `linear_2`. */
export function embeddingMlp(scope: Scope, x: Value, width: number): Value {
  return linear(scope.child('linear_2'), silu(linear(scope.child('linear_1'), x, width)), width);
}

/** Adds a per-channel vector [b, c] to an image [b, c, h, w]. */
export function addToChannels(image: Value, vector: Value): Value {
  return add(image, reshape(vector, [...vector.shape, 1, 1]));
}
