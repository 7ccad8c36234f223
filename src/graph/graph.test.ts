import { describe, expect, it } from 'vitest';
import { f32, type HostTensor, i64, tensor } from '#core/tensor';
import { relativeError } from '../../test/goldens/autograd-cases.ts';
import { bindSymbols } from './bind.ts';
import * as b from './build.ts';
import * as c from './compose.ts';
import { type Dim, mulDims, symbol } from './dim.ts';
import { grad } from './gradient.ts';
import { hashGraph } from './hash.ts';
import { erf } from './interpret/elementwise.ts';
import { interpret } from './interpret.ts';
import { printGraph } from './print.ts';
import { sha256Text } from './sha256.ts';
import { simplify } from './simplify.ts';
import { closeGraph, topological, type Value } from './value.ts';
import { verifyGraph } from './verify.ts';

/** A small network that touches every op group whose gradient depends on sizes. */
function network(batch: Dim, h: Dim, w: Dim): { loss: Value; leaves: Value[] } {
  const x = b.input('x', 'f64', [batch, 4, mulDims(h, 4), mulDims(w, 4)]);
  const text = b.input('text', 'f64', [batch, 3, 4]);
  const weight = b.parameter('conv.weight', [4, 4, 3, 3], 'f64');
  const scale = b.parameter('norm.weight', [4], 'f64');
  const bias = b.parameter('norm.bias', [4], 'f64');
  const down = b.conv2d(x, weight, bias, { stride: 2, padding: 1 });
  const normal = b.silu(b.groupNorm(down, scale, bias, 2));
  const tokens = b.layerNorm(b.imageToTokens(normal), scale, bias);
  const mixed = b.attention(tokens, text, text, { heads: 2 });
  const [, , dh, dw] = normal.shape as [Dim, Dim, Dim, Dim];
  const joined = b.concat([b.tokensToImage(mixed, dh, dw), normal], 2);
  const cut = b.sliceAxis(b.avgPool2d(joined, { kernel: 2 }), 2, 1, -1);
  const up = b.pad(b.resizeNearest(cut, 2), [0, 0, 1, 2], [0, 0, 2, 1], 'reflect');
  const spread = c.variance(up, 1, { axes: [1, 2, 3] });
  const loss = b.add(b.mean(spread), b.mul(c.mse(up, b.mul(up, 0.5)), b.mean(b.max(joined, [1]))));
  return { loss, leaves: [x, text, weight, scale, bias] };
}

function ramp(shape: readonly number[]): HostTensor {
  const size = shape.reduce((n, d) => n * d, 1);
  return tensor(
    'f64',
    shape,
    new Float64Array(size).map((_, i) => Math.sin(1.7 * i + size)),
  );
}

describe('symbolic dimensions', () => {
  it('give the gradients of the same network with fixed ones', () => {
    const [n, h, w] = [2, 3, 2];
    const graphs = (
      [
        [symbol('n'), symbol('h'), symbol('w')],
        [n, h, w],
      ] as [Dim, Dim, Dim][]
    ).map((sizes) => {
      const { loss, leaves } = network(...sizes);
      return closeGraph('net', { loss, ...Object.fromEntries(grad(loss, leaves).map((g, i) => [`g${i}`, g])) });
    });
    const feeds = { x: ramp([n, 4, 4 * h, 4 * w]), text: ramp([n, 3, 4]) };
    const parameters = { 'conv.weight': ramp([4, 4, 3, 3]), 'norm.weight': ramp([4]), 'norm.bias': ramp([4]) };
    const symbolic = graphs[0]!;
    for (const g of [symbolic, simplify(symbolic)]) verifyGraph(g);
    const [got, simple, fixed] = [symbolic, simplify(symbolic), graphs[1]!].map((g) =>
      interpret(g, feeds, { parameters }),
    );
    for (const [name, t] of Object.entries(fixed!)) {
      expect(got![name]!.shape).toEqual(t.shape);
      expect(relativeError(got![name]!.data as Float64Array, t.data as Float64Array)).toBeLessThan(1e-12);
      expect(relativeError(simple![name]!.data as Float64Array, t.data as Float64Array)).toBeLessThan(1e-12);
    }
  });

  it('are solved from the shapes that are fed', () => {
    const [n, h] = [symbol('n'), symbol('h')];
    const leaves = [b.input('a', 'f32', [mulDims(n, h), 3]), b.input('b', 'f32', [mulDims(h, 8)])];
    const shapes: Record<string, number[]> = { a: [6, 3], b: [16] };
    expect(bindSymbols(leaves, (leaf) => shapes[leaf.attrs.name]!)).toEqual({ n: 3, h: 2 });
  });

  it('refuse shapes that contradict each other', () => {
    const h = symbol('h');
    const y = b.add(b.input('a', 'f32', [h]), b.input('b', 'f32', [h]));
    const feeds = { a: f32([2], [1, 2]), b: f32([3], [1, 2, 3]) };
    expect(() => interpret(closeGraph('g', { y }), feeds)).toThrow('b got shape [3], expected [h] with h=2');
  });
});

describe('gradient', () => {
  const x = b.input('x', 'f32', [2]);

  it('takes two leaves of one name as one', () => {
    const again = b.input('x', 'f32', [2]);
    const [g] = grad(b.sum(b.mul(x, again)), [b.input('x', 'f32', [2])]);
    const result = interpret(closeGraph('g', { g: g! }), { x: f32([2], [3, -4]) });
    expect(Array.from(result.g!.data as Float32Array)).toEqual([6, -8]);
  });

  it('starts from a seed', () => {
    const [g] = grad(b.sum(b.mul(x, 3)), [x], { seed: b.full(1024) });
    const result = interpret(closeGraph('g', { g: g! }), { x: f32([2], [0, 0]) });
    expect(Array.from(result.g!.data as Float32Array)).toEqual([3072, 3072]);
  });

  it('builds nothing for branches that do not lead to what is asked for', () => {
    const w = b.parameter('w', [4, 2]);
    const picture = b.maxPool2d(b.input('p', 'f32', [1, 1, 4, 4]), { kernel: 2 });
    const loss = b.add(b.sum(b.linear(x, w)), b.sum(picture));
    const ops = topological(grad(loss, [w])).map((v) => v.op);
    expect(ops).not.toContain('maxPool2dGrad');
  });

  it('refuses a loss that is no scalar, and what is no float', () => {
    expect(() => grad(x, [x])).toThrow('the loss has shape [2], expected a scalar');
    expect(() => grad(b.sum(x), [b.input('i', 'i64', [2])])).toThrow('i64');
  });

  it('passes through interior values that are asked for', () => {
    const y = b.mul(x, x);
    const [gy, gx] = grad(b.sum(b.mul(y, y)), [y, x]);
    const result = interpret(closeGraph('g', { gy: gy!, gx: gx! }), { x: f32([2], [2, 3]) });
    expect(Array.from(result.gy!.data as Float32Array)).toEqual([8, 18]);
    expect(Array.from(result.gx!.data as Float32Array)).toEqual([32, 108]);
  });
});

describe('simplify', () => {
  const x = b.input('x', 'f32', [2, 3]);
  const simple = (y: Value): string =>
    printGraph(simplify(closeGraph('g', { y })))
      .split('\n')
      .slice(2)
      .join('\n');

  it('shares equal subexpressions and joins factors', () => {
    const y = b.add(b.mul(b.mul(b.exp(x), 2), 3), b.exp(b.input('x', 'f32', [2, 3])));
    expect(simple(y)).toMatchInlineSnapshot(`
      "  %0 = exp(x): f32[2, 3]
        %1 = mul(%0, 6): f32[2, 3]
        %2 = add(%1, %0): f32[2, 3]
        output y = %2"
    `);
  });

  it('removes what changes nothing', () => {
    const back = b.transpose(b.transpose(x, [1, 0]), [1, 0]);
    const still = b.reshape(b.reshape(b.mul(b.add(back, 0), 1), [6]), [2, 3]);
    expect(simple(b.sub(b.neg(b.neg(still)), b.neg(b.exp(x))))).toMatchInlineSnapshot(`
      "  %0 = exp(x): f32[2, 3]
        %1 = add(x, %0): f32[2, 3]
        output y = %1"
    `);
  });

  it('joins pieces that zeros widen next to each other, and no others', () => {
    const [p, q] = [b.input('p', 'f32', [2, 3]), b.input('q', 'f32', [2, 2])];
    const [left, right] = [b.pad(p, [0, 0], [0, 2]), b.pad(q, [0, 3], [0, 0])];
    const fed = { p: f32([2, 3], [1, 2, 3, 4, 5, 6]), q: f32([2, 2], [7, 8, 9, 10]) };
    for (const y of [b.add(left, right), b.add(right, left)]) {
      const simple = simplify(closeGraph('g', { y }));
      expect(simple.outputs.y!.op).toBe('concat');
      expect(interpret(simple, fed).y!.data).toEqual(Float32Array.of(1, 2, 3, 7, 8, 4, 5, 6, 9, 10));
    }
    for (const other of [b.pad(q, [0, 2], [0, 1]), b.pad(q, [0, 3], [0, 0], 'constant', 1)]) {
      expect(simplify(closeGraph('g', { y: b.add(left, other) })).outputs.y!.op).toBe('add');
    }
  });

  it('computes constants ahead, rounded to their dtype', () => {
    const third = b.div(b.full(1), 3);
    const y = b.add(x, third);
    const { outputs } = simplify(closeGraph('g', { y }));
    const constant = outputs.y!.inputs[1] as Value<'constant'>;
    expect(constant.attrs.tensor).toEqual(f32([], [1 / 3]));
  });

  it('keeps products with zero, which may be NaN', () => {
    const result = interpret(simplify(closeGraph('g', { y: b.mul(x, 0) })), {
      x: f32([2, 3], [1, Number.NaN, Number.POSITIVE_INFINITY, 0, 2, 3]),
    });
    expect(Array.from(result.y!.data as Float32Array)).toEqual([0, Number.NaN, Number.NaN, 0, 0, 0]);
  });

  it('keeps casts that lose bits', () => {
    expect(simple(b.cast(b.cast(x, 'f16'), 'f32'))).toContain('to=f16');
    expect(simple(b.cast(b.cast(x, 'f64'), 'f32'))).not.toContain('cast');
  });
});

describe('print', () => {
  it('shows leaves, operations with attributes and types, and outputs', () => {
    const n = symbol('n');
    const x = b.input('x', 'f32', [n, 4]);
    const h = b.relu(b.linear(x, b.parameter('fc.weight', [2, 4])));
    const y = b.concat([b.mul(h, 0.5), b.constant(f32([1, 2], [1, 2]))], 0);
    expect(printGraph(closeGraph('net', { y, h }))).toMatchInlineSnapshot(`
      "graph net
        input x: f32[n, 4]
        parameter fc.weight: f32[2, 4]
        %0 = linear(x, fc.weight): f32[n, 2]
        %1 = relu(%0): f32[n, 2]
        %2 = mul(%1, 0.5): f32[n, 2]
        %3 = constant(tensor={1, 2}): f32[1, 2]
        %4 = concat(%2, %3, axis=0): f32[n + 1, 2]
        output y = %4
        output h = %1"
    `);
  });
});

describe('hash', () => {
  const build = (shape: Dim[], factor: number, first: boolean): string => {
    const x = b.input('x', 'f32', shape);
    const parts = { p: () => b.exp(x), q: () => b.mul(b.exp(x), factor) };
    const outputs = first ? { p: parts.p(), q: parts.q() } : { q: parts.q(), p: parts.p() };
    return hashGraph(closeGraph(first ? 'one' : 'two', outputs));
  };

  it('does not depend on names, sharing or order of construction', () => {
    expect(build([2, symbol('n')], 3, true)).toBe(build([2, symbol('n')], 3, false));
  });

  it('tells constants, shapes and symbols apart', () => {
    const hashes = [
      build([2, 3], 3, true),
      build([2, 3], 4, true),
      build([3, 2], 3, true),
      build([2, symbol('n')], 3, true),
    ];
    expect(new Set(hashes).size).toBe(4);
  });

  it('is SHA-256', () => {
    // FIPS 180-4 of the UTF-16LE bytes, as any other implementation gives it.
    expect(sha256Text('')).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
    expect(sha256Text('abc')).toBe('13e228567e8249fce53337f25d7970de3bd68ab2653424c7b8f9fd05e33caedf');
    expect(sha256Text('a'.repeat(100))).toBe('db9422e54c6ea94ba99dfb068a358ba061fd0088cc8b665a9897e4b026c9bc77');
  });
});

describe('interpreter', () => {
  it('rounds to the declared dtype, or keeps float64', () => {
    const graph = closeGraph('g', { y: b.mul(b.input('x', 'f16', [1]), b.full(1 / 3, 'f16')) });
    const x = tensor('f32', [1], Float32Array.of(1));
    expect(interpret(graph, { x }).y!.data).toEqual(Uint16Array.of(0x3555));
    expect(interpret(graph, { x }, { precision: 'f64' }).y!.data[0]).toBeCloseTo(1 / 3, 3);
  });

  it('divides integers towards zero and wraps them', () => {
    const a = b.input('a', 'i32', [2]);
    const graph = closeGraph('g', { q: b.div(a, 2), w: b.mul(a, 2 ** 30) });
    const result = interpret(graph, { a: tensor('i32', [2], Int32Array.of(-7, 7)) });
    expect(Array.from(result.q!.data as Int32Array)).toEqual([-3, 3]);
    expect(Array.from(result.w!.data as Int32Array)).toEqual([2 ** 30, -(2 ** 30)]);
  });

  it('names an index outside its axis', () => {
    const y = b.gather(b.input('x', 'f32', [2]), b.input('i', 'i64', [1]));
    const feeds = { x: f32([2], [1, 2]), i: i64([1], [2]) };
    expect(() => interpret(closeGraph('g', { y }), feeds)).toThrow('index 2 is outside an axis of 2 entries');
  });

  it.each([
    [0.1, 0.1124629160182849],
    [0.5, 0.5204998778130465],
    [1, 0.8427007929497149],
    [2.5, 0.999593047982555],
    [3.5, 0.9999992569016276],
    [-1.5, -0.9661051464753108],
  ])('knows erf(%d)', (x, expected) => {
    expect(Math.abs(erf(x) - expected)).toBeLessThan(2e-15);
  });
});
