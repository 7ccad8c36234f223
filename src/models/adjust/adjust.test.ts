import { describe, expect, it } from 'vitest';
import { f32 } from '#core/tensor';
import { conv2d, input, parameter, relu } from '#graph/build';
import { interpret } from '#graph/interpret';
import { closeGraph, type Graph } from '#graph/value';
import { withFreeU } from './free-u.ts';
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

describe('networks that are no U-Net', () => {
  const other = closeGraph('other', { prediction: relu(input('sample', 'f32', [2, 1, 4, 4])) });

  it('are refused by name', () => {
    expect(() => withFreeU(other, { b1: 1.2, b2: 1.4, s1: 0.9, s2: 0.2 })).toThrow('FreeU acts on U-Nets');
    expect(() => withPerturbedAttention(other)).toThrow('Perturbed-attention guidance needs a U-Net');
  });
});
