import { describe, expect, it } from 'vitest';
import { isFloat } from '#core/dtype';
import { type HostTensor, sizeOf, tensor } from '#core/tensor';
import { relativeError } from '../../test/goldens/autograd-cases.ts';
import { opSamples, Sampler } from '../../test/graph/op-samples.ts';
import { add, cast, constant, mul, sum } from './build.ts';
import { grad } from './gradient.ts';
import { interpret } from './interpret.ts';
import type { Op } from './ops.ts';
import { simplify } from './simplify.ts';
import { closeGraph, type Graph, type Value } from './value.ts';
import { verifyGraph } from './verify.ts';

/** Ops whose result is no differentiable function of their operands, and why. */
const withoutGradient: Partial<Record<Op, string>> = {
  constant: 'a leaf',
  sign: 'flat between its jumps',
  floor: 'flat between its jumps',
  stopGradient: 'by definition',
  logicalNot: 'boolean',
  equal: 'boolean',
  greater: 'boolean',
  less: 'boolean',
  greaterEqual: 'boolean',
  lessEqual: 'boolean',
  logicalAnd: 'boolean',
  logicalOr: 'boolean',
  argMax: 'an index',
};

/** The gradient of a pooled maximum has no gradient of its own. */
const refused: ReadonlySet<Op> = new Set(['maxPool2dGrad']);
const onceOnly: ReadonlySet<Op> = new Set(['maxPool2d']);

const ops = Object.keys(opSamples) as Op[];
const seeds = [1, 2, 3, 4, 5, 6, 7, 8];

type Feeds = Readonly<Record<string, HostTensor>>;

function scalar(graph: Graph, name: string, feeds: Feeds): number {
  return interpret(graph, feeds, { precision: 'f64' })[name]!.data[0] as number;
}

/** Feeds moved by `distance` along a direction in the floats. */
function moved(feeds: Feeds, direction: Feeds, distance: number): Feeds {
  const entries = Object.entries(feeds).map(([name, t]) => {
    const d = direction[name];
    if (!d) return [name, t] as const;
    const data = (t.data as Float64Array).map((x, i) => x + distance * (d.data[i] as number));
    return [name, tensor('f64', t.shape, data)] as const;
  });
  return Object.fromEntries(entries);
}

function directionFor(s: Sampler): Feeds {
  return Object.fromEntries(
    s.floats.map((leaf) => {
      const shape = leaf.shape as number[];
      return [
        leaf.attrs.name,
        tensor(
          'f64',
          shape,
          new Float64Array(sizeOf(shape)).map(() => s.normal()),
        ),
      ];
    }),
  );
}

/** sum(value * weights) with random fixed weights, so that no gradient cancels by symmetry. */
function weighted(s: Sampler, v: Value): Value {
  const weights = new Float64Array(sizeOf(v.shape as number[])).map(() => s.normal());
  return sum(mul(v, constantOf(v, weights)));
}

function constantOf(v: Value, data: Float64Array): Value {
  return constant(tensor('f64', v.shape as number[], data));
}

/** Compares the gradient of `loss` along a random direction with a central difference of fourth order. */
function checkDirection(s: Sampler, loss: Value): void {
  const gradients = grad(loss, s.floats);
  const outputs = Object.fromEntries(gradients.map((g, i) => [`g${i}`, g]));
  const graph = closeGraph('check', { loss, ...outputs });
  verifyGraph(graph);
  const direction = directionFor(s);
  const at = (distance: number): number => scalar(graph, 'loss', moved(s.feeds, direction, distance));
  const h = 1e-4;
  const numeric = (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h);
  const results = interpret(graph, s.feeds, { precision: 'f64' });
  let exact = 0;
  s.floats.forEach((leaf, i) => {
    const g = results[`g${i}`]!;
    expect(g.shape).toEqual(leaf.shape);
    (g.data as Float64Array).forEach((x, j) => {
      exact += x * (direction[leaf.attrs.name]!.data[j] as number);
    });
  });
  expect(Math.abs(numeric - exact)).toBeLessThan(1e-6 * Math.max(1, Math.abs(exact)));
}

const differentiable = ops.filter((op) => !withoutGradient[op] && !refused.has(op));

describe.each(differentiable)('gradient of %s', (op) => {
  it.each(seeds)('agrees with finite differences, seed %i', (seed) => {
    const s = new Sampler(seed, 'f64');
    const v = cast(opSamples[op](s), 'f64');
    checkDirection(s, weighted(s, v));
  });
});

describe.each(differentiable.filter((op) => !onceOnly.has(op)))('gradient of the gradient of %s', (op) => {
  it.each(seeds)('agrees with finite differences, seed %i', (seed) => {
    const s = new Sampler(100 + seed, 'f64');
    const v = cast(opSamples[op](s), 'f64');
    const first = grad(weighted(s, mul(v, v)), s.floats);
    checkDirection(
      s,
      first.map((g) => weighted(s, g)).reduce((p, q) => add(p, q)),
    );
  });
});

describe('a pooled maximum', () => {
  it.each([...refused, ...onceOnly])('refuses the second derivative of %s', (op) => {
    const s = new Sampler(1, 'f64');
    const v = opSamples[op](s);
    const loss = weighted(s, mul(v, v));
    const again = (): Value[] => grad(sum(grad(loss, s.floats)[0]!), s.floats);
    expect(again).toThrow(/differentiate the loss once only/);
  });
});

describe('ops without gradient', () => {
  it.each(Object.keys(withoutGradient) as Op[])('%s gives zeros', (op) => {
    const s = new Sampler(1, 'f64');
    const v = opSamples[op](s);
    const wrt = s.floats.length > 0 ? s.floats : [s.x([2])];
    const g = grad(sum(isFloat(v.dtype) ? v : cast(v, 'f64')), wrt);
    const results = interpret(closeGraph('zeros', { g: g[0]! }), s.feeds, { precision: 'f64' });
    expect((results.g!.data as Float64Array).every((x) => x === 0)).toBe(true);
  });
});

describe('simplify', () => {
  it.each(ops)('keeps the results and gradients of %s', (op) => {
    for (const seed of seeds) {
      const s = new Sampler(200 + seed, 'f64');
      const v = opSamples[op](s);
      const loss = isFloat(v.dtype) ? weighted(s, cast(v, 'f64')) : sum(cast(v, 'f64'));
      const gradients = refused.has(op) ? [] : grad(loss, s.floats);
      const graph = closeGraph('whole', { v, ...Object.fromEntries(gradients.map((g, i) => [`g${i}`, g])) });
      const simple = simplify(graph);
      verifyGraph(simple);
      const [before, after] = [interpret(graph, s.feeds), interpret(simple, s.feeds)];
      for (const [name, t] of Object.entries(before)) {
        expect(after[name]!.shape).toEqual(t.shape);
        expect(relativeError(Array.from(after[name]!.data, Number), Array.from(t.data, Number))).toBeLessThan(1e-12);
      }
    }
  });
});
