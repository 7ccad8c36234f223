/** Which of two backends computes a piece of a U-Net sooner on this machine. */

import { f32, type HostTensor, sizeOf } from '#core/tensor';
import { attention, conv2d, imageToTokens, input, linear, parameter, silu } from '#graph/build';
import { closeGraph, type Graph } from '#graph/value';
import type { Backend, WeightSource } from './backend.ts';

const ROUNDS = 5;
const [channels, side] = [320, 32];

/** A convolution, self-attention and a linear layer at the sizes of Stable Diffusion 1.5. */
function trialGraph(): Graph {
  const weight = parameter('convolution', [channels, channels, 3, 3]);
  const x = silu(conv2d(input('x', 'f32', [2, channels, side, side]), weight, undefined, { padding: 1 }));
  const tokens = imageToTokens(x);
  const mixed = attention(tokens, tokens, tokens, { heads: 8 });
  return closeGraph('trial', { y: linear(mixed, parameter('linear', [4 * channels, channels])) });
}

export interface FasterOptions {
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
  /** Told of a backend that fails the trial. */
  readonly failed: (backend: Backend, cause: unknown) => void;
}

/** The better backend; the other one is disposed. A backend that fails the trial loses it. */
export async function fasterOf(first: Backend, second: Backend, { now, failed }: FasterOptions): Promise<Backend> {
  const graph = trialGraph();
  const times: number[] = [];
  for (const backend of [first, second]) {
    const time = await timeOf(backend, graph, now).catch((cause: unknown) => {
      failed(backend, cause);
      return Number.POSITIVE_INFINITY;
    });
    times.push(time);
  }
  const [better, worse] = times[1]! < times[0]! ? [second, first] : [first, second];
  await worse.dispose();
  return better;
}

/** Least time of a run, once everything is compiled. */
async function timeOf(backend: Backend, graph: Graph, now: () => number): Promise<number> {
  const session = await backend.compile(graph, { weights, precision: 'half' });
  const feeds = { x: waves([2, channels, side, side]) };
  await session.run(feeds);
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < ROUNDS; i++) {
    const start = now();
    await session.run(feeds);
    least = Math.min(least, now() - start);
  }
  await session.dispose();
  return least;
}

const weights: WeightSource = {
  get: (name) => ({
    kind: 'memory',
    tensor: waves(name === 'linear' ? [4 * channels, channels] : [channels, channels, 3, 3]),
  }),
};

/** Numbers of which no two neighbours are alike. */
function waves(shape: readonly number[]): HostTensor {
  return f32(
    shape,
    Float32Array.from({ length: sizeOf(shape) }, (_, i) => Math.sin(i * 0.7) / 16),
  );
}
