import { describe, expect, it } from 'vitest';
import { f32 } from '#core/tensor';
import type { Feeds } from '#engine/backend';
import * as b from '#graph/build';
import { interpret } from '#graph/interpret';
import { closeGraph } from '#graph/value';
import { compileFused } from './fused.ts';

const x = b.input('x', 'f32', [1]);
const y = b.parameter('y', [1]);
const scale = b.input('scale', 'f32', []);

/** Values of every size and sign, exact in no short decimal. */
const wave = (n: number, phase: number): Float32Array =>
  Float32Array.from({ length: n }, (_, i) => Math.sin(i + phase) * 2 ** ((i % 17) - 8));

function feeds(n: number): Feeds {
  return { x: f32([n], wave(n, 0)), y: f32([n], wave(n, 1)), scale: f32([], [0.3]) };
}

/** The same graph over vectors of `n`, operation by operation. */
function reference(
  build: (x: b.Operand & object, y: b.Operand & object) => Parameters<typeof closeGraph>[1],
  n: number,
) {
  const graph = closeGraph('reference', build(b.input('x', 'f32', [n]), b.parameter('y', [n])));
  return interpret(graph, feeds(n));
}

const everyOp = (p: Parameters<typeof b.neg>[0], q: Parameters<typeof b.neg>[0]) => ({
  sums: b.add(b.sub(b.mul(p, scale), q), 0.1),
  quotient: b.div(b.neg(p), b.add(b.abs(q), b.mul(scale, 2))),
  root: b.sqrt(b.abs(p)),
  bounded: b.minimum(b.maximum(p, -0.5), q),
});

describe('a fused kernel', () => {
  it.each([1, 3, 4, 4095, 4096, 9001])('gives the bits of separate operations, length %i', (n) => {
    const kernel = compileFused(closeGraph('fused', everyOp(x, y)))!;
    const into = Object.fromEntries(
      ['sums', 'quotient', 'root', 'bounded'].map((k) => [k, f32([n], new Float32Array(n))]),
    );
    kernel.run(feeds(n), into);
    for (const [name, t] of Object.entries(reference(everyOp, n))) expect(into[name]!.data, name).toEqual(t.data);
  });

  it('may write over its operands', () => {
    const kernel = compileFused(closeGraph('fused', { y: b.add(b.mul(x, scale), y), x: b.sub(x, y) }))!;
    const given = feeds(5000);
    const apart = { x: f32([5000], new Float32Array(5000)), y: f32([5000], new Float32Array(5000)) };
    kernel.run(given, apart);
    kernel.run(given, { x: given.x!, y: given.y! });
    expect(given.x).toEqual(apart.x);
    expect(given.y).toEqual(apart.y);
  });

  it('names a tensor that is missing or does not fit', () => {
    const kernel = compileFused(closeGraph('fused', { z: b.add(x, y) }))!;
    const z = f32([3], [0, 0, 0]);
    expect(() => kernel.run({ x: z }, { z })).toThrow(/y is nothing, expected f32 with 3/);
    expect(() => kernel.run({ x: z, y: f32([2], [1, 2]) }, { z })).toThrow(
      /y is f32 with 2 elements, expected f32 with 3/,
    );
  });

  it('is not made of reductions, other types, matrices or unknown operations', () => {
    const z = b.input('z', 'f64', [1]);
    for (const value of [b.sum(x), b.exp(x), b.add(z, 1), b.neg(b.input('m', 'f32', [1, 1]))]) {
      expect(compileFused(closeGraph('fused', { value }))).toBeUndefined();
    }
  });
});
