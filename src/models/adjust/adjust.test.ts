import { describe, expect, it } from 'vitest';
import { f32, type HostTensor } from '#core/tensor';
import { attention, conv2d, imageToTokens, input, linear, parameter, relu, tokensToImage } from '#graph/build';
import { interpret } from '#graph/interpret';
import { closeGraph, type Graph } from '#graph/value';
import { withAttentionMap } from './attention-map.ts';
import { shallowPart } from './deep-cache.ts';
import { withFreeU } from './free-u.ts';
import { withHyperTile } from './hyper-tile.ts';
import { withPerturbedAttention } from './perturbed-attention.ts';
import { tiled } from './tiling.ts';

/** Two convolutions over a picture of 4 x 6, and what they make of it. */
const x = input('x', 'f32', [1, 1, 4, 6]);
const first = conv2d(x, parameter('a', [2, 1, 3, 3]), parameter('bias', [2]), { padding: 1 });
const network = closeGraph('net', { y: conv2d(relu(first), parameter('b', [1, 2, 3, 3]), undefined, { padding: 1 }) });

const value = (i: number): number => Math.sin(3 * i + 1);
const tensorOf = (shape: readonly number[]) => {
  const count = shape.reduce((a, b) => a * b, 1);
  return f32(
    shape,
    Float32Array.from({ length: count }, (_, i) => value(i)),
  );
};
const weights = { a: tensorOf([2, 1, 3, 3]), b: tensorOf([1, 2, 3, 3]), bias: tensorOf([2]) };
const picture = Array.from({ length: 24 }, (_, i) => value(7 * i));

function run(graph: Graph, cells: readonly number[]): number[] {
  const { y } = interpret(graph, { ...weights, x: f32([1, 1, 4, 6], Float32Array.from(cells)) });
  return Array.from(y!.data as ArrayLike<number>);
}

/** The picture moved by (dx, dy), what leaves on one side coming back on the other. */
function rolled(cells: readonly number[], dx: number, dy: number): number[] {
  return cells.map((_, i) => cells[((Math.floor(i / 6) - dy + 4) % 4) * 6 + (((i % 6) - dx + 6) % 6)]!);
}

function expectClose(a: readonly number[], b: readonly number[]): void {
  for (const [i, v] of a.entries()) expect(v).toBeCloseTo(b[i]!, 5);
}

describe('tiling', () => {
  it('makes a network that moves with its picture over joined edges', () => {
    const graph = tiled(network, { x: true, y: true });
    expectClose(run(graph, rolled(picture, 2, 3)), rolled(run(graph, picture), 2, 3));
    expect(run(network, rolled(picture, 2, 3))).not.toEqual(rolled(run(network, picture), 2, 3));
  });

  it('joins one pair of edges where asked', () => {
    const across = tiled(network, { x: true, y: false });
    expectClose(run(across, rolled(picture, 2, 0)), rolled(run(across, picture), 2, 0));
    const moved = run(across, rolled(picture, 0, 1));
    expect(moved.some((v, i) => Math.abs(v - rolled(run(across, picture), 0, 1)[i]!) > 1e-3)).toBe(true);
  });

  it('takes the same weights', () => {
    const graph = tiled(network, { x: true, y: true });
    expect(graph.parameters.map(({ attrs }) => attrs.name).sort()).toEqual(['a', 'b', 'bias']);
  });
});

describe('HyperTile', () => {
  /** Self-attention over a picture, and nothing else. */
  function attends(height: number, width: number): Graph {
    const sample = input('sample', 'f32', [1, 4, height, width]);
    const tokens = imageToTokens(sample);
    const by = (name: string) => linear(tokens, parameter(`block.attn1.${name}.weight`, [4, 4]));
    const attended = attention(by('to_q'), by('to_k'), by('to_v'), { heads: 2 });
    return closeGraph('attends', { prediction: tokensToImage(attended, height, width) });
  }
  const shape = [1, 4, 4, 6];
  const whole = tensorOf(shape);
  const own = Object.fromEntries(
    ['to_q', 'to_k', 'to_v'].map((name, i) => [
      `block.attn1.${name}.weight`,
      f32(
        [4, 4],
        Float32Array.from({ length: 16 }, (_, k) => value(5 * k + i)),
      ),
    ]),
  );
  const outputOf = (graph: Graph, sample: HostTensor): number[] =>
    Array.from(interpret(graph, { ...own, sample }).prediction!.data as Float32Array);

  it('attends within each tile as a picture of its own would', () => {
    const tiles = outputOf(withHyperTile(attends(4, 6), 2), whole);
    for (const [row, column] of [
      [0, 0],
      [0, 4],
      [2, 2],
    ] as const) {
      const cells = (values: ArrayLike<number>): number[] =>
        Array.from({ length: 16 }, (_, i) => {
          const [c, y, x0] = [Math.floor(i / 4), row + (Math.floor(i / 2) % 2), column + (i % 2)];
          return values[c * 24 + y * 6 + x0]!;
        });
      const alone = f32([1, 4, 2, 2], Float32Array.from(cells(whole.data)));
      expectClose(cells(tiles), outputOf(attends(2, 2), alone));
    }
  });

  it('takes divisors of at least the size, and leaves small pictures whole', () => {
    // 4 has no divisor between 3 and 3, 6 has.
    const [three, large] = [withHyperTile(attends(4, 6), 3), withHyperTile(attends(4, 6), 6)];
    expectClose(outputOf(large, whole), outputOf(attends(4, 6), whole));
    expect(outputOf(three, whole)).not.toEqual(outputOf(attends(4, 6), whole));
  });
});

describe('networks that are no U-Net', () => {
  const other = closeGraph('other', { prediction: relu(input('sample', 'f32', [2, 1, 4, 4])) });

  it('are refused by name', () => {
    expect(() => withFreeU(other, { b1: 1.2, b2: 1.4, s1: 0.9, s2: 0.2 })).toThrow('FreeU acts on U-Nets');
    expect(() => withPerturbedAttention(other)).toThrow('Perturbed-attention guidance needs a U-Net');
    expect(() => withAttentionMap(other)).toThrow('Self-attention guidance needs a U-Net');
    expect(() => shallowPart(other)).toThrow('The step cache needs a U-Net');
  });
});
