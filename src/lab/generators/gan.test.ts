/** unit: the game of two networks and R1's gradient of a gradient, against PyTorch 2.13 in float64. */

import { expect, it } from 'vitest';
import { tensor } from '#core/tensor';
import * as g from '#graph/build';
import { grad } from '#graph/gradient';
import { interpret } from '#graph/interpret';
import { closeGraph, type Value } from '#graph/value';
import { gameLoss } from './gan.ts';

const pattern = (shape: readonly number[], seed: number, scale = 0.5) => {
  const count = shape.reduce((a, b) => a * b, 1);
  return tensor(
    'f32',
    shape,
    Float32Array.from({ length: count }, (_, i) => scale * Math.sin(1.3 * i + seed)),
  );
};

const first = g.parameter('first', [4, 1, 4, 4]);
const bias = g.parameter('bias', [4]);
const last = g.parameter('last', [1, 36]);

function judge(picture: Value): Value {
  const h = g.leakyRelu(g.conv2d(picture, first, bias, { stride: 2, padding: 1 }), 0.2);
  return g.reshape(g.linear(g.reshape(g.tanh(h), [3, 36]), last), [3]);
}

const norm = (values: ArrayLike<number>): number => Math.hypot(...Array.from(values));

it('gives each player its gradients, with the slope penalty differentiated again', () => {
  const made = g.parameter('made', [3, 1, 6, 6]);
  const game = gameLoss({ real: g.input('real', 'f32', [3, 1, 6, 6]), made, judge, gamma: 1 });
  const wrt = [first, bias, last, made];
  const gradients = Object.fromEntries(grad(game.loss, wrt).map((v, i) => [wrt[i]!.attrs.name, v]));
  const graph = closeGraph('game', { loss: game.loss, ...game.metrics, ...gradients });
  const parameters = {
    first: pattern([4, 1, 4, 4], 3),
    bias: pattern([4], 4),
    last: pattern([1, 36], 5),
    made: pattern([3, 1, 6, 6], 2, 1),
  };
  const out = interpret(graph, { real: pattern([3, 1, 6, 6], 1, 1) }, { parameters, precision: 'f64' });
  const value = (name: string): number => Number(out[name]!.data[0]);
  expect(value('loss')).toBeCloseTo(2.790425041553719, 5);
  expect(value('slope')).toBeCloseTo(1.3555895037530596, 5);
  expect(value('discriminator')).toBeCloseTo(1.3656523723150218, 5);
  expect(value('generator')).toBeCloseTo(0.7469779173621672, 5);
  const expected = {
    first: [1.4538094255383123, -0.13312816539680575],
    bias: [0.6729459829674418, -0.2201372489095315],
    last: [1.4795856932675684, 0.04400921997624897],
    made: [0.3584364143026341, -0.011669889008415021],
  };
  for (const [name, [length, start]] of Object.entries(expected)) {
    const data = out[name]!.data as Float64Array;
    expect(norm(data), name).toBeCloseTo(length!, 5);
    expect(data[0], name).toBeCloseTo(start!, 5);
  }
});
