import { afterAll, describe, expect, it } from 'vitest';
import { createOrtNodeBackend } from '#backends/ort-node/cpu';
import { f32, type HostTensor, sizeOf } from '#core/tensor';
import * as b from '#graph/build';
import { mulDims, symbol } from '#graph/dim';
import { closeGraph, type Graph } from '#graph/value';
import { relativeError } from '../../test/goldens/autograd-cases.ts';
import { lowerGraph } from './lower.ts';
import type { LoweredWeights } from './weights.ts';

const channels = 192;

/** Values without a pattern that the transforms could cancel. */
function noise(shape: readonly number[], seed: number): HostTensor {
  let state = seed;
  const next = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  };
  return f32(shape, Float32Array.from({ length: sizeOf(shape) }, next));
}

const weights: Record<string, HostTensor> = {
  w: noise([channels, channels, 3, 3], 1),
  bias: noise([channels], 2),
  narrow: noise([4, channels, 3, 3], 3),
};
const source = { get: (name: string) => ({ kind: 'memory', tensor: weights[name]! }) as const };

function convolution(height: Parameters<typeof mulDims>[0], width: Parameters<typeof mulDims>[0]): Graph {
  const x = b.input('x', 'f32', [symbol('n'), channels, height, width]);
  const y = b.conv2d(x, b.parameter('w', [channels, channels, 3, 3]), b.parameter('bias', [channels]), { padding: 1 });
  return closeGraph('conv', { y });
}

const isWinograd = (graph: Graph, memoryBudget: number, given: LoweredWeights = source): boolean =>
  lowerGraph(graph, { weights: given, memoryBudget }).model.graph.nodes.some((n) => n.opType === 'ConvTranspose');

const bytes = 27 * 4 * channels * channels;

describe('planning of Winograd convolutions', () => {
  it('keeps the budget', () => {
    expect(isWinograd(convolution(16, 16), bytes)).toBe(true);
    expect(isWinograd(convolution(16, 16), bytes - 1)).toBe(false);
    expect(isWinograd(convolution(16, 16), 0)).toBe(false);
  });

  it('needs weights that are known, an open size that is a multiple of four, and enough tiles', () => {
    expect(isWinograd(convolution(16, 16), bytes, { get: () => undefined })).toBe(false);
    expect(isWinograd(convolution(mulDims(symbol('h'), 4), mulDims(symbol('w'), 8)), bytes)).toBe(true);
    expect(isWinograd(convolution(mulDims(symbol('h'), 2), mulDims(symbol('w'), 8)), bytes)).toBe(false);
    expect(isWinograd(convolution(8, 8), bytes)).toBe(false);
  });

  it('leaves narrow convolutions alone', () => {
    const x = b.input('x', 'f32', [1, channels, 32, 32]);
    const y = b.conv2d(x, b.parameter('narrow', [4, channels, 3, 3]), undefined, { padding: 1 });
    expect(isWinograd(closeGraph('narrow', { y }), 1e9)).toBe(false);
  });

  it('prefers wide pictures', () => {
    const large = b.input('large', 'f32', [1, channels, 32, 32]);
    const conv = (x: typeof large) =>
      b.conv2d(x, b.parameter('w', [channels, channels, 3, 3]), undefined, { padding: 1 });
    const small = b.input('small', 'f32', [1, channels, 16, 16]);
    const graph = closeGraph('two', { small: conv(small), large: conv(large) });
    const { model } = lowerGraph(graph, { weights: source, memoryBudget: bytes });
    const direct = model.graph.nodes.filter((n) => n.opType === 'Conv' && n.inputs[0] === 'small');
    expect(direct).toHaveLength(1);
  });
});

describe('a Winograd convolution', () => {
  const backend = createOrtNodeBackend({ device: 'cpu', threads: 1 });
  afterAll(() => backend.dispose());

  it.each([
    ['fixed', convolution(16, 20), [2, channels, 16, 20]],
    ['no multiple of four', convolution(31, 30), [1, channels, 31, 30]],
    ['open', convolution(mulDims(symbol('h'), 4), mulDims(symbol('w'), 4)), [2, channels, 16, 12]],
  ] as const)('agrees with the direct one: %s', async (_, graph, shape) => {
    const x = noise(shape, 4);
    const results = [];
    for (const memoryBudget of [0, 1e9]) {
      const session = await backend.compile(graph, { weights: source, memoryBudget });
      results.push((await session.run({ x })).y!);
      await session.dispose();
    }
    expect(isWinograd(graph, 1e9)).toBe(true);
    expect(results[1]!.shape).toEqual(results[0]!.shape);
    expect(relativeError(results[1]!.data as Float32Array, results[0]!.data as Float32Array)).toBeLessThan(3e-5);
  });
});
