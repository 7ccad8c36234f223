import { describe, expect, it } from 'vitest';
import { f32, zeros } from '#core/tensor';
import type { WeightRange } from '#engine/backend';
import * as b from '#graph/build';
import { mulDims, symbol } from '#graph/dim';
import { grad } from '#graph/gradient';
import { closeGraph, type Value } from '#graph/value';
import { type LowerOptions, lowerGraph } from './lower.ts';
import type { LoweredWeight, LoweredWeights } from './weights.ts';

const source = (refs: Record<string, LoweredWeight>): LoweredWeights => ({ get: (name) => refs[name] });

function nodesOf(y: Value, options: LowerOptions = {}): string[] {
  return lowerGraph(closeGraph('test', { y }), options).model.graph.nodes.map((n) => n.opType);
}

const x = b.input('x', 'f32', [2, 8, 6, 6]);
const tokens = b.input('tokens', 'f32', [2, 5, 8]);

describe('the operators of a lowered graph', () => {
  it('multiplies with a linear weight as it is stored', () => {
    const y = b.linear(tokens, b.parameter('w', [3, 8]), b.parameter('bias', [3]));
    expect(nodesOf(y)).toEqual(['FusedMatMul', 'Add']);
    expect(nodesOf(y, { target: 'gpu' })).toEqual(['Transpose', 'MatMul', 'Add']);
  });

  it('scales [.., 1, 1] as an array without the trailing ones, which the runtime broadcasts fast', () => {
    const w = b.parameter('w', [4, 8, 1, 1]);
    expect(nodesOf(b.mul(w, b.input('rate', 'f32', [])))).toEqual(['Reshape', 'Reshape', 'Mul', 'Reshape']);
    expect(nodesOf(b.mul(w, w))).toEqual(['Mul']);
    expect(nodesOf(b.mul(b.parameter('w3', [4, 8, 3, 3]), 2))).toEqual(['Mul']);
  });

  it('writes attention as products and softmax where the fused form is wrong', () => {
    const tokens = b.input('tokens', 'f32', [1, 3, 4]);
    const graph = closeGraph('m', { y: b.attention(tokens, tokens, tokens, { heads: 2 }) });
    const types = lowerGraph(graph, { target: 'gpu', attention: 'plain' }).model.graph.nodes.map((n) => n.opType);
    expect(types.filter((type) => ['MatMul', 'Softmax', 'MultiHeadAttention'].includes(type))).toEqual([
      'MatMul',
      'Softmax',
      'MatMul',
    ]);
  });

  it('fuses attention with its mask', () => {
    const mask = b.input('mask', 'f32', [5, 5]);
    expect(nodesOf(b.attention(tokens, tokens, tokens, { heads: 2 }))).toEqual(['MultiHeadAttention']);
    const masked = lowerGraph(closeGraph('m', { y: b.attention(tokens, tokens, tokens, { heads: 2, mask }) })).model;
    const node = masked.graph.nodes.find((n) => n.opType === 'MultiHeadAttention')!;
    expect(node.domain).toBe('com.microsoft');
    expect(node.inputs).toEqual(['tokens', 'tokens', 'tokens', '', '', masked.graph.nodes[0]!.outputs[0]]);
  });

  it('normalises groups as instances', () => {
    const affine = (): [Value, Value] => [b.parameter('g', [8]), b.parameter('beta', [8])];
    expect(nodesOf(b.groupNorm(x, ...affine(), 8))).toEqual(['InstanceNormalization']);
    expect(nodesOf(b.groupNorm(x, ...affine(), 4))).toContain('InstanceNormalization');
    expect(nodesOf(b.groupNorm(x, ...affine(), 4))).not.toContain('GroupNormalization');
  });

  it('makes the input gradient of a convolution a convolution, of a strided one a transposed convolution', () => {
    const w = b.parameter('w', [4, 8, 3, 3]);
    const inputGradient = (stride: number): Value =>
      grad(b.sum(b.conv2d(x, w, undefined, { stride, padding: 1 })), [x])[0]!;
    expect(nodesOf(inputGradient(1)).at(-1)).toBe('Conv');
    expect(nodesOf(inputGradient(1))).not.toContain('ConvTranspose');
    expect(nodesOf(inputGradient(2)).at(-1)).toBe('ConvTranspose');
  });

  it('makes the weight gradient of a convolution one product for each tap, or one for few positions', () => {
    const gradientOf = (channels: number): Value => {
      const w = b.parameter('w', [channels, 8, 3, 3]);
      return grad(b.sum(b.conv2d(x, w, undefined, { padding: 1 })), [w])[0]!;
    };
    const products = (channels: number): number => nodesOf(gradientOf(channels)).filter((n) => n === 'Gemm').length;
    // Nine taps, and the product with the identity that brings the taps last.
    expect(products(4)).toBe(10);
    expect(products(80)).toBe(1);
  });

  it('adds scattered gradients element by element, where additions do not race', () => {
    const table = b.parameter('table', [10, 4]);
    const ids = b.input('ids', 'i64', [3]);
    const kinds = nodesOf(grad(b.sum(b.gather(table, ids)), [table])[0]!);
    expect(kinds).toContain('ScatterElements');
    expect(kinds).not.toContain('ScatterND');
  });

  it('adds many values in parts, few in one', () => {
    const large = b.input('large', 'f32', [3, 5, 200, 101]);
    expect(nodesOf(b.sum(x))).toEqual(['ReduceSum']);
    expect(nodesOf(b.sum(large, [2, 3]))).toEqual(['Reshape', 'Reshape', 'ReduceSum', 'ReduceSum', 'Reshape']);
    expect(nodesOf(b.mean(large, [0, 2, 3])).filter((n) => n === 'ReduceSum').length).toBe(3);
    expect(nodesOf(b.sum(large, [0]))).toEqual(['ReduceSum']);
    // A prime number of values is filled up.
    expect(nodesOf(b.sum(b.input('prime', 'f32', [10_007])))).toContain('Pad');
    expect(nodesOf(b.max(large))).toEqual(['ReduceMax']);
  });

  it('reduces the argument of sine for a GPU only', () => {
    expect(nodesOf(b.sin(x))).toEqual(['Sin']);
    expect(nodesOf(b.sin(x), { target: 'gpu' })).toContain('Floor');
  });

  it('leaves pooling positions to the CPU', () => {
    const y = grad(b.sum(b.maxPool2d(x, { kernel: 2 })), [x])[0]!;
    const { model, hostNodes } = lowerGraph(closeGraph('p', { y }), { target: 'gpu' });
    const pools = model.graph.nodes.filter((n) => n.opType === 'MaxPool' && n.outputs.length === 2);
    expect(pools.map((n) => n.name)).toEqual(hostNodes);
  });
});

describe('names of a lowered graph', () => {
  it('computes an output under its own name, without a copy', () => {
    const { model } = lowerGraph(closeGraph('t', { y: b.relu(x) }));
    expect(model.graph.nodes.map((n) => n.outputs)).toEqual([['y']]);
  });

  it('keeps an input, its output of the same name and a repeated output apart', () => {
    const next = b.add(x, 1);
    const { model, outputs } = lowerGraph(closeGraph('t', { x: next, again: next, same: x }));
    const names = outputs.map((o) => o.modelName);
    expect(outputs.map((o) => o.name)).toEqual(['x', 'again', 'same']);
    expect(new Set([...names, ...model.graph.inputs.map((i) => i.name)]).size).toBe(4);
    const made = new Set([...model.graph.inputs.map((i) => i.name), ...model.graph.initializers.map((i) => i.name)]);
    for (const node of model.graph.nodes) {
      for (const input of node.inputs) expect(made.has(input), input).toBe(true);
      for (const output of node.outputs) made.add(output);
    }
    for (const name of names) expect(made.has(name), name).toBe(true);
  });
});

describe('open sizes', () => {
  const [n, h] = [symbol('n'), symbol('h')];
  const open = b.input('x', 'f32', [n, 4, mulDims(h, 8), 6]);

  it('names the open sizes of inputs and outputs', () => {
    const { model } = lowerGraph(closeGraph('t', { y: b.relu(open) }));
    expect(model.graph.inputs[0]!.shape).toEqual(['n', 4, '8*h', 6]);
    expect(model.graph.outputs[0]!.shape).toEqual(['n', 4, '8*h', 6]);
  });

  it('leaves one unknown size to the runtime and computes two', () => {
    const one = b.reshape(open, [mulDims(n, mulDims(h, 192))]);
    expect(nodesOf(one)).toEqual(['Reshape']);
    const two = b.reshape(open, [n, mulDims(h, 4), 48]);
    expect(nodesOf(two)).toContain('Shape');
    expect(nodesOf(two, { bindings: { n: 2 } })).toEqual(['Reshape']);
  });

  it('fixes bound sizes in the model', () => {
    const { model } = lowerGraph(closeGraph('t', { y: b.relu(open) }), { bindings: { n: 2, h: 3 } });
    expect(model.graph.inputs[0]!.shape).toEqual([2, 4, 24, 6]);
  });

  it('refuses a size that no input tells', () => {
    const y = b.expand(b.full(1), [symbol('unknown'), 2]);
    expect(() => lowerGraph(closeGraph('t', { y }))).toThrow(/unknown cannot be solved/);
  });
});

describe('weights of a lowered graph', () => {
  const range = (over: Partial<WeightRange> = {}): WeightRange => ({
    kind: 'file',
    path: '/models/sd/a.safetensors',
    offset: 1003,
    byteLength: 24,
    dtype: 'f32',
    shape: [2, 3],
    ...over,
  });
  const linear = b.linear(b.input('x', 'f32', [1, 3]), b.parameter('w', [2, 3]));
  const lower = (ref: LoweredWeight) => lowerGraph(closeGraph('t', { y: linear }), { weights: source({ w: ref }) });

  it('stay where they lie in their file', () => {
    const { model, externalFolder, inputs } = lower(range());
    expect(externalFolder).toBe('/models/sd');
    expect(model.graph.initializers).toEqual([
      { name: 'w', dataType: 1, dims: [2, 3], external: { location: 'a.safetensors', offset: 1003, length: 24 } },
    ]);
    expect(inputs.map((p) => p.name)).toEqual(['x']);
  });

  it('are widened and transposed in the graph', () => {
    const { model } = lower(range({ dtype: 'f16', byteLength: 12, shape: [3, 2], transpose: true }));
    expect(model.graph.initializers[0]!.dims).toEqual([3, 2]);
    expect(model.graph.nodes.slice(0, 2).map((n) => n.opType)).toEqual(['Cast', 'Transpose']);
  });

  it('may be stored with more ones', () => {
    expect(lower(range({ shape: [2, 3, 1, 1] })).model.graph.initializers[0]!.dims).toEqual([2, 3]);
  });

  it('are refused with both shapes, or with both lengths', () => {
    expect(() => lower(range({ shape: [3, 2] }))).toThrow(/w: has shape \[3, 2\], the network expects \[2, 3\]/);
    expect(() => lower(range({ byteLength: 20 }))).toThrow(/w: its range has 20 bytes.*needs 24/);
  });

  it('may lie in several folders, found from their common one', () => {
    const y = b.linear(linear, b.parameter('v', [4, 2]));
    const weights = source({
      w: range({ path: '/models/sd/a.safetensors' }),
      v: range({ path: '/models/vae/deep/b.safetensors', shape: [4, 2], byteLength: 32 }),
    });
    const { model, externalFolder } = lowerGraph(closeGraph('t', { y }), { weights });
    expect(externalFolder).toBe('/models');
    const locations = model.graph.initializers.map((i) => i.external?.location);
    expect(locations.sort()).toEqual(['sd/a.safetensors', 'vae/deep/b.safetensors']);
  });

  it('keep drive letters and backslashes of Windows', () => {
    const { externalFolder, model } = lower(range({ path: 'D:\\models\\a.safetensors' }));
    expect(externalFolder).toBe('D:\\models');
    expect(model.graph.initializers[0]!.external?.location).toBe('a.safetensors');
    const y = b.linear(linear, b.parameter('v', [4, 2]));
    const other = range({ path: 'C:\\b.safetensors', shape: [4, 2], byteLength: 32 });
    const weights = source({ w: range({ path: 'D:\\models\\a.safetensors' }), v: other });
    expect(() => lowerGraph(closeGraph('t', { y }), { weights })).toThrow(/different drives/);
  });

  it('in memory are handed over by location, unless files are read too', () => {
    const large = (name: string) => b.parameter(name, [64, 64]);
    const y = b.linear(b.linear(b.input('x', 'f32', [1, 64]), large('w')), large('v'));
    const memory: LoweredWeight = { kind: 'memory', tensor: zeros('f32', [64, 64]) };
    const alone = lowerGraph(closeGraph('t', { y }), { weights: source({ w: memory, v: memory }) });
    expect(alone.externalBytes.map((e) => e.bytes.length)).toEqual([16384, 16384]);
    const file = range({ shape: [64, 64], byteLength: 16384 });
    const mixed = lowerGraph(closeGraph('t', { y }), { weights: source({ w: memory, v: file }) });
    expect(mixed.externalBytes).toEqual([]);
    expect(mixed.model.graph.initializers.find((i) => i.name === 'w')!.rawData).toHaveLength(16384);
  });
});

describe('constants of a lowered graph', () => {
  it('are stored once', () => {
    const value = (): Value => b.constant(f32([2], [1, 2]));
    const y = b.add(b.add(b.input('x', 'f32', [2]), value()), b.mul(value(), value()));
    expect(lowerGraph(closeGraph('t', { y })).model.graph.initializers).toHaveLength(1);
  });
});
