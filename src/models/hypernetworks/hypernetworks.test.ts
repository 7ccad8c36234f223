import { describe, expect, it } from 'vitest';
import { f32 } from '#core/tensor';
import { bytesSource } from '#formats/byte-source';
import { writeSafetensors } from '#formats/safetensors-writer';
import { input } from '#graph/build';
import { interpret } from '#graph/interpret';
import { closeGraph } from '#graph/value';
import { type ModelFiles, openTensorFile } from '../tensor-file.ts';
import { activations } from './activations.ts';
import { readHypernetwork } from './read.ts';

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
const softplus = (x: number): number => Math.log1p(Math.exp(x));
/** Abramowitz and Stegun 7.1.26: 1.5e-7. */
function erf(x: number): number {
  const t = 1 / (1 + 0.3275911 * Math.abs(x));
  const poly = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t;
  return Math.sign(x) * (1 - poly * Math.exp(-x * x));
}

/** torch.nn's definitions. */
const oracles: Readonly<Record<string, (x: number) => number>> = {
  linear: (x) => x,
  identity: (x) => x,
  relu: (x) => Math.max(x, 0),
  leakyrelu: (x) => (x < 0 ? 0.01 * x : x),
  elu: (x) => (x < 0 ? Math.expm1(x) : x),
  swish: (x) => (x * Math.min(Math.max(x + 3, 0), 6)) / 6,
  hardswish: (x) => (x * Math.min(Math.max(x + 3, 0), 6)) / 6,
  tanh: Math.tanh,
  sigmoid,
  hardsigmoid: (x) => Math.min(Math.max(x + 3, 0), 6) / 6,
  hardtanh: (x) => Math.min(Math.max(x, -1), 1),
  relu6: (x) => Math.min(Math.max(x, 0), 6),
  rrelu: (x) => (x < 0 ? (11 / 48) * x : x),
  celu: (x) => (x < 0 ? Math.expm1(x) : x),
  selu: (x) => 1.0507009873554805 * (x < 0 ? 1.6732632423543772 * Math.expm1(x) : x),
  gelu: (x) => (x * (1 + erf(x / Math.SQRT2))) / 2,
  silu: (x) => x * sigmoid(x),
  mish: (x) => x * Math.tanh(softplus(x)),
  softplus,
  softsign: (x) => x / (1 + Math.abs(x)),
  logsigmoid: (x) => Math.log(sigmoid(x)),
  tanhshrink: (x) => x - Math.tanh(x),
  softshrink: (x) => (x > 0.5 ? x - 0.5 : x < -0.5 ? x + 0.5 : 0),
  hardshrink: (x) => (Math.abs(x) > 0.5 ? x : 0),
  prelu: (x) => x,
};

describe('activations of hypernetworks', () => {
  const values = [-7, -3.2, -1.1, -0.5, -0.3, 0, 0.2, 0.5, 0.7, 1.3, 4, 6.5];

  it('are all checked', () => expect(Object.keys(oracles).sort()).toEqual(Object.keys(activations).sort()));

  it.each(Object.keys(activations))('%s is as torch has it', (name) => {
    const x = input('x', 'f32', [values.length]);
    const { y } = interpret(closeGraph('activation', { y: activations[name]!(x) }), {
      x: f32([values.length], Float32Array.from(values)),
    });
    for (const [i, got] of Array.from(y!.data as Float32Array).entries()) {
      expect(got, `${name}(${values[i]})`).toBeCloseTo(oracles[name]!(values[i]!), 5);
    }
  });
});

type Tensors = Readonly<Record<string, readonly number[]>>;

async function read(shapes: Tensors, metadata: Record<string, string> = {}, value = 0.1) {
  const tensors = Object.entries(shapes).map(([name, shape]) => {
    const data = new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(value);
    return { name, dtype: 'F32' as const, shape, data: new Uint8Array(data.buffer) };
  });
  const bytes = Buffer.concat(writeSafetensors(tensors, metadata));
  const files: ModelFiles = {
    exists: async () => true,
    readText: async () => '',
    source: async (path) => bytesSource(path, bytes),
  };
  return await readHypernetwork(files, await openTensorFile(files, 'h.safetensors'), 'id');
}

/** The same layers for keys and values. */
const both = (width: number, layers: Tensors): Tensors =>
  Object.fromEntries(
    [0, 1].flatMap((side) => Object.entries(layers).map(([name, shape]) => [`${width}.${side}.${name}`, shape])),
  );

describe('hypernetwork files', () => {
  it('of any structure are read: deep, with norms and slopes between, and those of the first versions', async () => {
    const deep = both(8, {
      'linear.0.weight': [16, 8],
      'linear.0.bias': [16],
      'linear.1.weight': [1],
      'linear.2.weight': [16],
      'linear.2.bias': [16],
      'linear.4.weight': [12, 16],
      'linear.10.weight': [8, 12],
      'linear.10.bias': [8],
    });
    const { pairs, activation, activatesOutput } = await read(deep, { activation_func: 'prelu' });
    expect(pairs.get(8)!.key.map(({ kind }) => kind)).toEqual(['linear', 'slope', 'norm', 'linear', 'linear']);
    expect([activation, activatesOutput]).toEqual(['prelu', true]);
    const old = await read(both(8, { 'linear1.weight': [16, 8], 'linear2.weight': [8, 16] }), {
      activate_output: 'false',
    });
    expect(old.pairs.get(8)!.value.map(({ kind }) => kind)).toEqual(['linear', 'linear']);
    expect([old.activation, old.activatesOutput]).toEqual(['linear', false]);
  });

  const plain = both(8, { 'linear.0.weight': [16, 8], 'linear.2.weight': [8, 16] });
  it.each([
    [plain, { activation_func: 'glu' }, 0.1, /activation is "glu"; known are linear, /],
    [plain, {}, Number.NaN, /holds NaN or infinity/],
    [both(8, { 'linear.0.weight': [16, 8], 'linear.2.weight': [8, 12] }), {}, 0.1, /takes 12 numbers and gets 16/],
    [both(8, { 'linear.0.weight': [16, 8] }), {}, 0.1, /they give 16/],
    [{ '8.0.linear.0.weight': [8, 8] }, {}, 0.1, /they give nothing/],
    [both(8, { 'linear.0.weight': [8, 8], 'linear.0.bias': [4] }), {}, 0.1, /a bias is 4 wide in place of 8/],
    [{ emb_params: [2, 8] }, {}, 0.1, /no tensor in it belongs to a hypernetwork/],
  ])('that do not fit together are refused: %#', async (shapes, metadata, value, sentence) => {
    await expect(read(shapes as Tensors, metadata as Record<string, string>, value)).rejects.toThrow(sentence);
  });
});
