/**
 * FreeU: on the way up, half of the channels that come from below are strengthened and the lowest frequencies of what a
 * skip connection brings are weakened. Si et al. 2023 (arXiv:2309.11497); diffusers `apply_freeu`, whose first two up
 * blocks it acts on. A pass over the graph of a U-Net with diffusers' parameter names.
 *
 * The filter scales the frequencies -1 and 0 of both axes. Being four points, it is two small products a side instead
 * of a Fourier transform. Left out: the second version, which weighs channels by their mean.
 */

import { UserError } from '#core/errors';
import { f32 } from '#core/tensor';
import { add, concat, constant, matmul, mul, sub } from '#graph/build';
import { mapGraph, withInputs } from '#graph/map-graph';
import type { Graph, Value } from '#graph/value';
import { joinsOfUpBlocks } from './up-blocks.ts';

/** Factors of the first two up blocks: `b` on the hidden state, `s` on the skip's low frequencies. */
export interface FreeU {
  readonly b1: number;
  readonly b2: number;
  readonly s1: number;
  readonly s2: number;
}

/** The graph's sizes must be fixed. @throws UserError for a network that is no such U-Net. */
export function withFreeU(graph: Graph, { b1, b2, s1, s2 }: FreeU): Graph {
  const factors = [
    [b1, s1],
    [b2, s2],
  ] as const;
  const blocks = joinsOfUpBlocks(graph);
  if (blocks.size === 0)
    throw new UserError('freeu.network', 'FreeU acts on U-Nets; this model has none. Leave it out.');
  return mapGraph(graph, (v, inputs) => {
    const factor = factors[blocks.get(v) ?? factors.length];
    if (!factor) return withInputs(v, inputs);
    const [hidden, skip] = inputs as [Value, Value];
    return concat([strengthened(hidden, factor[0]), filtered(skip, factor[1])], 1);
  });
}

/** The first half of the channels, times `b`. */
function strengthened(hidden: Value, b: number): Value {
  const channels = hidden.shape[1] as number;
  const half = Math.floor(channels / 2);
  return mul(
    hidden,
    constant(
      f32(
        [1, channels, 1, 1],
        Float32Array.from({ length: channels }, (_, c) => (c < half ? b : 1)),
      ),
    ),
  );
}

/** x + (s - 1) P x, P being the projection on the low frequencies: its real part is C x C' - S x S'. */
function filtered(skip: Value, s: number): Value {
  const [height, width] = [skip.shape[2] as number, skip.shape[3] as number];
  const cosines = matmul(
    matmul(
      waves(height, (t) => 1 + Math.cos(t)),
      skip,
    ),
    waves(width, (t) => 1 + Math.cos(t)),
  );
  const sines = matmul(
    matmul(
      waves(height, (t) => -Math.sin(t)),
      skip,
    ),
    waves(width, (t) => Math.sin(t)),
  );
  return add(skip, mul(sub(cosines, sines), s - 1));
}

/** [n, n] of f(2 pi (row - column) / n) / n. */
function waves(n: number, f: (turn: number) => number): Value {
  const at = (i: number): number => f((2 * Math.PI * (Math.floor(i / n) - (i % n))) / n) / n;
  return constant(
    f32(
      [n, n],
      Float32Array.from({ length: n * n }, (_, i) => at(i)),
    ),
  );
}
