import { describe, expect, it } from 'vitest';
import { f32 } from '#core/tensor';
import * as b from './build.ts';
import { mulDims, symbol } from './dim.ts';
import { interpret } from './interpret.ts';
import { splitGraph } from './split.ts';
import { closeGraph, type Graph, type Value } from './value.ts';

const n = symbol('n');

/** Four layers with a skip over them all, a scale that no input changes, and a second output half way. */
function network(): Graph {
  const x = b.input('x', 'f32', [n, 4]);
  const scale = b.add(b.parameter('scale', [4]), b.parameter('scale', [4]));
  let h: Value = x;
  const layers = [0, 1, 2, 3].map((i) => {
    h = b.mul(b.silu(b.linear(h, b.parameter(`w${i}`, [4, 4]))), scale);
    return h;
  });
  return closeGraph('network', {
    half: b.neg(layers[1]!),
    y: b.add(b.concat([h, layers[0]!], 1), b.concat([x, x], 1)),
  });
}

const values = (...shape: number[]) =>
  f32(
    shape,
    Array.from({ length: shape.reduce((a, c) => a * c, 1) }, (_, i) => Math.sin(i + shape.length)),
  );

describe('splitGraph', () => {
  it.each([1, 2, 3, 4, 9])('computes the same in %d pieces', (count) => {
    const graph = network();
    const feeds = {
      x: values(2, 4),
      scale: values(4),
      w0: values(4, 4),
      w1: values(4, 4),
      w2: values(4, 4),
      w3: values(4, 4),
    };
    const known: Record<string, ReturnType<typeof values>> = { ...feeds };
    const pieces = splitGraph(graph, count);
    expect(pieces.length).toBeLessThanOrEqual(count);
    expect(pieces.length).toBeGreaterThanOrEqual(Math.min(count, 2));
    for (const piece of pieces) Object.assign(known, interpret(piece, known));
    const whole = interpret(graph, feeds);
    for (const name of ['y', 'half']) expect(known[name]!.data).toEqual(whole[name]!.data);
  });

  it('gives each piece its share of the weights, each weight to one', () => {
    const pieces = splitGraph(network(), 2);
    const names = pieces.map(({ parameters }) =>
      parameters.map(({ attrs }) => attrs.name).filter((name) => name !== 'scale'),
    );
    expect(names.map((own) => own.length)).toEqual([2, 2]);
    expect(new Set(names.flat()).size).toBe(4);
  });

  it('passes what a later piece skips to', () => {
    const pieces = splitGraph(network(), 4);
    const passed = pieces.at(-1)!.inputs.map(({ attrs }) => attrs.name);
    expect(passed).toContain('x');
    expect(passed.filter((name) => name.startsWith('cut.')).length).toBeGreaterThanOrEqual(2);
    expect(pieces[1]!.outputs).not.toHaveProperty('y');
  });

  it('leaves open sizes open', () => {
    const x = b.input('x', 'f32', [n, mulDims(symbol('t'), 2)]);
    const graph = closeGraph('g', { y: b.mul(b.add(x, b.parameter('a', [1, 1])), b.parameter('c', [1, 1])) });
    const [, second] = splitGraph(graph, 2);
    expect(second!.inputs[0]!.shape).toEqual(x.shape);
  });
});
