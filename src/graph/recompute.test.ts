import { expect, it } from 'vitest';
import { f32, type HostTensor, sizeOf } from '#core/tensor';
import { Sampler } from '../../test/graph/op-samples.ts';
import { add, concat, input, linear, matmul, mean, mul, parameter, silu, softmax, transpose } from './build.ts';
import { grad } from './gradient.ts';
import { interpret } from './interpret.ts';
import { blocksOf } from './recompute.ts';
import { simplify } from './simplify.ts';
import { closeGraph, type Graph, topological, type Value } from './value.ts';
import { verifyGraph } from './verify.ts';

const width = 8;
const tokens = 16;
const depth = 10;

/** Layers with attention, a skip from the first to the last, and a weight that is made of weights, as LoHa's. */
function network(): { loss: Value; weights: Value[] } {
  const weights: Value[] = [];
  const weight = (name: string): Value => {
    const w = parameter(name, [width, width]);
    weights.push(w);
    return w;
  };
  let x: Value = input('x', 'f32', [tokens, width]);
  const first = silu(linear(x, weight('in')));
  x = first;
  for (let i = 0; i < depth; i++) {
    const mixed = softmax(mul(matmul(x, transpose(x, [1, 0])), 0.1), 1);
    const product = matmul(weight(`a${i}`), weight(`b${i}`));
    x = add(x, silu(linear(matmul(mixed, x), product)));
  }
  const joined = concat([x, first], 1);
  return { loss: mean(mul(joined, joined)), weights };
}

function gradients(recompute: boolean): Graph {
  const { loss, weights } = network();
  const found = grad(loss, weights, { recompute });
  const outputs = Object.fromEntries(found.map((g, i) => [`g${i}`, g]));
  return simplify(closeGraph('gradients', { loss, ...outputs }));
}

/** Elements that are there at once, at most, when values are made in order and forgotten behind their last use. */
function peak(graph: Graph): number {
  const order = topological(Object.values(graph.outputs));
  const lastUse = new Map<Value, number>();
  order.forEach((v, i) => {
    for (const x of v.inputs) lastUse.set(x, i);
  });
  const kept = new Set(Object.values(graph.outputs));
  let [now, most] = [0, 0];
  order.forEach((v, i) => {
    if (v.inputs.length === 0) return;
    now += sizeOf(v.shape as number[]);
    most = Math.max(most, now);
    for (const x of new Set(v.inputs)) {
      if (x.inputs.length > 0 && lastUse.get(x) === i && !kept.has(x)) now -= sizeOf(x.shape as number[]);
    }
  });
  return most;
}

it('gives the same gradients to the last bit from much less memory', () => {
  const [plain, again] = [gradients(false), gradients(true)];
  verifyGraph(again);
  const s = new Sampler(3, 'f32');
  const feeds: Record<string, HostTensor> = Object.fromEntries(
    [...plain.inputs, ...plain.parameters].map(({ attrs, shape }) => {
      const sizes = shape as number[];
      return [
        attrs.name,
        f32(
          sizes,
          new Float32Array(sizeOf(sizes)).map(() => s.normal()),
        ),
      ];
    }),
  );
  expect(interpret(again, feeds)).toEqual(interpret(plain, feeds));
  expect(peak(again)).toBeLessThan(0.6 * peak(plain));
});

it('cuts a pass into blocks in its order, and one that is short not at all', () => {
  const order = topological([network().loss]);
  const blocks = [...blocksOf(order).values()];
  expect(blocks).toEqual([...blocks].sort((a, b) => a - b));
  expect(new Set(blocks).size).toBeGreaterThan(2);
  const x = input('x', 'f32', [4]);
  expect(new Set(blocksOf(topological([mean(mul(x, x))])).values()).size).toBe(1);
});
