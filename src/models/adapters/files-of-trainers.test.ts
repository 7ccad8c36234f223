/**
 * Files as trainers write them, built here and opened as a user's: each kind of adapter under each way of naming, in
 * each type of number, against its published formula as a sum over indices in float64.
 */

import { describe, expect, it } from 'vitest';
import { sizeOf } from '#core/tensor';
import type { ByteSource } from '#formats/byte-source';
import { packValues, type WrittenForm } from '#formats/pack';
import { writeSafetensors } from '#formats/safetensors-writer';
import { sd1 } from '#models/sd1/family';
import { smallestConfig } from '../../../test/fixtures/smallest-model.ts';
import { type ModelFiles, openTensorFile } from '../tensor-file.ts';
import type { Matrix } from './matrix.ts';
import { type AdaptedModule, moduleNames } from './modules.ts';
import { type ModelAdapter, openAdapter } from './open.ts';

const names = moduleNames(sd1, smallestConfig);
const unet = 'unet.down_blocks.0.attentions.0.transformer_blocks.0';
const linear = names.get(`${unet}.ff.net.2`)!;
const conv = names.get('unet.up_blocks.0.resnets.0.conv1')!;
const text = names.get('text_encoder.text_model.encoder.layers.0.mlp.fc1')!;

/** Eighths between -1 and 1, which every type of number here holds exactly. */
function eighths(shape: readonly number[], seed: number): Matrix {
  const data = Float32Array.from({ length: sizeOf(shape) }, (_, i) => (((i * 7 + seed * 5) % 17) - 8) / 8);
  return { shape, data };
}

interface Built {
  readonly metadata?: Record<string, string>;
  readonly form?: WrittenForm & `${'F' | 'BF'}${string}`;
  readonly path?: string;
  readonly beside?: Record<string, string>;
  readonly of?: typeof names;
}

async function opened(tensors: Record<string, Matrix>, { metadata, form = 'F32', ...rest }: Built = {}) {
  const { path = '/lora/file.safetensors', beside = {}, of = names } = rest;
  const specs = Object.entries(tensors).map(([name, { shape, data }]) => {
    return { name, shape, dtype: form, data: packValues(form, data) };
  });
  const bytes = new Uint8Array(Buffer.concat(writeSafetensors(specs, metadata)));
  const source: ByteSource = {
    name: path,
    size: bytes.length,
    read: async (at, length) => bytes.slice(at, at + length),
  };
  const files: ModelFiles = {
    exists: async (name) => name in beside,
    readText: async (name) => beside[name]!,
    source: async () => source,
  };
  return await openAdapter(files, await openTensorFile(files, path), of, { id: path, title: 'Stable Diffusion 1' });
}

const weightOf = ({ weight }: AdaptedModule): Matrix => eighths(weight.shape, 3);

/** What the sole change of an adapter adds to its weight. */
function deltaOf({ changes }: ModelAdapter, module: AdaptedModule): number[] {
  expect(changes.map((change) => change.module.name)).toEqual([module.name]);
  return [...changes[0]!.weight!(weightOf(module)).data];
}

/** Sums over repeated indices in float64: `einsum('ok,ki->oi', up, down)`. */
function einsum(spec: string, ...factors: readonly Matrix[]): number[] {
  const [inputs = '', output = ''] = spec.split('->');
  const terms = inputs.split(',');
  const sizes = new Map<string, number>();
  for (const [n, term] of terms.entries())
    for (const [axis, letter] of [...term].entries()) sizes.set(letter, factors[n]!.shape[axis] ?? 1);
  const letters = [...output, ...[...sizes.keys()].filter((letter) => !output.includes(letter))];
  const out = new Array<number>(sizeOf([...output].map((letter) => sizes.get(letter)!))).fill(0);
  const at = new Map(letters.map((letter) => [letter, 0]));
  const offset = (term: string): number => [...term].reduce((sum, l) => sum * sizes.get(l)! + at.get(l)!, 0);
  const walk = (depth: number): void => {
    const letter = letters[depth];
    if (letter === undefined) {
      out[offset(output)]! += terms.reduce((x, term, n) => x * factors[n]!.data[offset(term)]!, 1);
      return;
    }
    for (let i = 0; i < sizes.get(letter)!; i++) {
      at.set(letter, i);
      walk(depth + 1);
    }
  };
  walk(0);
  return out;
}

function expectClose(got: readonly number[], expected: readonly number[]): void {
  expect(got).toHaveLength(expected.length);
  const largest = Math.max(...expected.map(Math.abs));
  const error = Math.max(...got.map((x, i) => Math.abs(x - expected[i]!)));
  expect(largest).toBeGreaterThan(0.01);
  expect(error / largest).toBeLessThan(1e-5);
}

const alpha = (value: number): Matrix => ({ shape: [], data: Float32Array.of(value) });
const times = (values: readonly number[], factor: number): number[] => values.map((x) => x * factor);
const [down, up] = [eighths([4, 32], 1), eighths([8, 4], 2)];
const pair = einsum('ok,ki->oi', up, down);

/** Turns by (I + Q)(I - Q)^-1 of Q = [[0, q], [-q, 0]], which is a rotation by 2 atan(q). */
const turn = (q: number): number[][] => {
  const [c, s] = [(1 - q * q) / (1 + q * q), (2 * q) / (1 + q * q)];
  return [
    [c, s],
    [-s, c],
  ];
};

describe('LoRA', () => {
  const kohya = 'lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_ff_net_2';
  const ldm = 'input_blocks.1.1.transformer_blocks.0.ff.net.2';
  it.each([
    ["kohya's", `${kohya}.lora_down.weight`, `${kohya}.lora_up.weight`],
    [
      "the single file's",
      `lora_unet_${ldm.replaceAll('.', '_')}.lora_down.weight`,
      `lora_unet_${ldm.replaceAll('.', '_')}.lora_up.weight`,
    ],
    ["LyCORIS'", `lycoris_${kohya.slice(10)}.lora_down.weight`, `lycoris_${kohya.slice(10)}.lora_up.weight`],
    ["diffusers'", `${unet}.ff.net.2.lora_A.weight`, `${unet}.ff.net.2.lora_B.weight`],
    ["older diffusers'", `${unet}.ff.net.2.lora.down.weight`, `${unet}.ff.net.2.lora.up.weight`],
    [
      "peft's",
      `base_model.model.${unet.slice(5)}.ff.net.2.lora_A.default.weight`,
      `base_model.model.${unet.slice(5)}.ff.net.2.lora_B.default.weight`,
    ],
    ["ComfyUI's", `diffusion_model.${ldm}.lora_down.weight`, `diffusion_model.${ldm}.lora_up.weight`],
  ])('under %s names; without an alpha the product counts as it is', async (_, downName, upName) => {
    const adapter = await opened({ [downName]: down, [upName]: up });
    expectClose(deltaOf(adapter, linear), pair);
    expect(adapter.warnings).toEqual([]);
  });

  it.each(['F32', 'F16', 'BF16', 'F8_E4M3'] as const)('stored as %s, with an alpha', async (form) => {
    const stored = { [`${kohya}.lora_down.weight`]: down, [`${kohya}.lora_up.weight`]: up };
    const adapter = await opened({ ...stored, [`${kohya}.alpha`]: alpha(1) }, { form });
    expectClose(deltaOf(adapter, linear), times(pair, 1 / 4));
  });

  it('for a text encoder alone, also under the names of ComfyUI', async () => {
    const [d, u] = [eighths([2, 8], 1), eighths([16, 2], 4)];
    for (const name of [
      'lora_te_text_model_encoder_layers_0_mlp_fc1',
      'text_encoders.clip_l.transformer.text_model.encoder.layers.0.mlp.fc1',
      'text_encoder.text_model.encoder.layers.0.mlp.fc1',
    ]) {
      const adapter = await opened({ [`${name}.lora_down.weight`]: d, [`${name}.lora_up.weight`]: u });
      expectClose(deltaOf(adapter, text), einsum('ok,ki->oi', u, d));
    }
  });

  it('with a rank of its own for each layer', async () => {
    const fc = 'lora_te_text_model_encoder_layers_0_mlp_fc1';
    const adapter = await opened({
      [`${kohya}.lora_down.weight`]: down,
      [`${kohya}.lora_up.weight`]: up,
      [`${kohya}.alpha`]: alpha(1),
      [`${fc}.lora_down.weight`]: eighths([1, 8], 1),
      [`${fc}.lora_up.weight`]: eighths([16, 1], 4),
      [`${fc}.alpha`]: alpha(0.5),
    });
    const made = (of: AdaptedModule): number[] => {
      return [...adapter.changes.find(({ module }) => module === of)!.weight!(weightOf(of)).data];
    };
    expectClose(made(linear), times(pair, 1 / 4));
    const small = einsum('ok,ki->oi', eighths([16, 1], 4), eighths([1, 8], 1));
    expectClose(made(text), times(small, 1 / 2));
  });

  it('with the alpha that diffusers keeps in the metadata, or peft in a file beside it', async () => {
    const stored = { [`${unet}.ff.net.2.lora_A.weight`]: down, [`${unet}.ff.net.2.lora_B.weight`]: up };
    const settings = (more: object) => ({
      metadata: { lora_adapter_metadata: JSON.stringify({ 'unet.r': 4, 'unet.lora_alpha': 8, ...more }) },
    });
    expectClose(deltaOf(await opened(stored, settings({})), linear), times(pair, 2));
    const pattern = { 'unet.alpha_pattern': { 'ff.net.2': 1 } };
    expectClose(deltaOf(await opened(stored, settings(pattern)), linear), times(pair, 1 / 4));
    const stabilised = { 'unet.use_rslora': true };
    expectClose(deltaOf(await opened(stored, settings(stabilised)), linear), times(pair, 8 / Math.sqrt(4)));
    const other = { 'unet.lora_alpha': undefined, 'text_encoder.lora_alpha': 8 };
    expectClose(deltaOf(await opened(stored, settings(other)), linear), pair);
    const plain = `base_model.model.${unet.slice(5)}.ff.net.2`;
    const beside = { '/lora/adapter_config.json': '{"r": 4, "lora_alpha": 16}' };
    const ofPeft = { [`${plain}.lora_A.weight`]: down, [`${plain}.lora_B.weight`]: up };
    const path = '/lora/adapter_model.safetensors';
    expectClose(deltaOf(await opened(ofPeft, { path, beside }), linear), times(pair, 4));
  });

  it('of a convolution, with a core, and for a model that reads more than latents', async () => {
    const name = 'lora_unet_up_blocks_0_resnets_0_conv1';
    const [d, u, mid] = [eighths([4, 16, 1, 1], 1), eighths([8, 4, 1, 1], 2), eighths([4, 4, 3, 3], 5)];
    const stored = { [`${name}.lora_down.weight`]: d, [`${name}.lora_up.weight`]: u, [`${name}.lora_mid.weight`]: mid };
    expectClose(deltaOf(await opened(stored), conv), einsum('opab,pqkl,qicd->oikl', u, mid, d));

    const of = moduleNames(sd1, { ...smallestConfig, unet: { ...smallestConfig.unet, inChannels: 9 } });
    const convIn = of.get('unet.conv_in')!;
    const [own, out] = [eighths([2, 4, 3, 3], 1), eighths([8, 2, 1, 1], 2)];
    const adapter = await opened(
      { 'lora_unet_conv_in.lora_down.weight': own, 'lora_unet_conv_in.lora_up.weight': out },
      { of },
    );
    const narrow = einsum('orab,rikl->oikl', out, own);
    const wide = Array.from({ length: 8 }, (_, o) => [...narrow.slice(o * 36, o * 36 + 36), ...Array(45).fill(0)]);
    expectClose(deltaOf(adapter, convIn), wide.flat());
    expect(adapter.changes[0]!.lowRank!.down.shape).toEqual([2, 9, 3, 3]);
    const whole = await opened({ 'lora_unet_conv_in.diff': eighths([8, 4, 3, 3], 6) }, { of });
    expect(deltaOf(whole, convIn).slice(36, 81)).toEqual(Array(45).fill(0));
  });
});

describe('products of products', () => {
  const name = 'lora_unet_up_blocks_0_resnets_0_conv1';
  const of = (given: Record<string, Matrix>): Record<string, Matrix> =>
    Object.fromEntries(Object.entries(given).map(([slot, matrix]) => [`${name}.${slot}`, matrix]));

  it('LoHa of a convolution, flat and with cores', async () => {
    const flat = { hada_w1_a: eighths([8, 2], 1), hada_w1_b: eighths([2, 144], 2) };
    const second = { hada_w2_a: eighths([8, 2], 3), hada_w2_b: eighths([2, 144], 4) };
    const one = einsum('or,ri->oi', flat.hada_w1_a, flat.hada_w1_b);
    const two = einsum('or,ri->oi', second.hada_w2_a, second.hada_w2_b);
    const adapter = await opened(of({ ...flat, ...second, alpha: alpha(1) }));
    expectClose(
      deltaOf(adapter, conv),
      one.map((x, i) => (x * two[i]!) / 2),
    );
    const [t1, t2] = [eighths([2, 2, 3, 3], 5), eighths([2, 2, 3, 3], 6)];
    const [a1, b1, a2, b2] = [eighths([2, 8], 1), eighths([2, 16], 2), eighths([2, 8], 3), eighths([2, 16], 4)];
    const cores = { hada_t1: t1, hada_w1_a: a1, hada_w1_b: b1, hada_t2: t2, hada_w2_a: a2, hada_w2_b: b2 };
    const left = einsum('pqkl,qi,po->oikl', t1, b1, a1);
    const right = einsum('pqkl,qi,po->oikl', t2, b2, a2);
    expectClose(
      deltaOf(await opened(of(cores)), conv),
      left.map((x, i) => x * right[i]!),
    );
  });

  // The weight is [8, 16, 3, 3]: (2 x 4) by (2 x 8), or the other way round where the larger factor comes first.
  it.each([
    ['both whole', { lokr_w1: [2, 2], lokr_w2: [4, 8, 3, 3] }],
    ['the larger first', { lokr_w1: [4, 8], lokr_w2: [2, 2, 3, 3] }],
    ['the first a product', { lokr_w1_a: [2, 1], lokr_w1_b: [1, 2], lokr_w2: [4, 8, 3, 3] }],
    ['the second a product', { lokr_w1: [2, 2], lokr_w2_a: [4, 3], lokr_w2_b: [3, 72] }],
    ['the second with a core', { lokr_w1: [2, 2], lokr_w2_a: [3, 4], lokr_w2_b: [3, 8], lokr_t2: [3, 3, 3, 3] }],
    ['both products', { lokr_w1_a: [2, 3], lokr_w1_b: [3, 2], lokr_w2_a: [4, 3], lokr_w2_b: [3, 72] }],
  ] as const)('LoKr, %s', async (_, shapes: Record<string, readonly number[]>) => {
    const given = Object.fromEntries(Object.entries(shapes).map(([slot, shape], i) => [slot, eighths(shape, i + 1)]));
    const made = (spec: string, shape: readonly number[], ...factors: Matrix[]): Matrix => {
      return { shape, data: Float32Array.from(einsum(spec, ...factors)) };
    };
    const one = given.lokr_w1 ?? made('ar,rb->ab', [2, 2], given.lokr_w1_a!, given.lokr_w1_b!);
    const product = given.lokr_t2
      ? () => made('pqkl,qi,po->oikl', [4, 8, 3, 3], given.lokr_t2!, given.lokr_w2_b!, given.lokr_w2_a!)
      : () => made('cr,rd->cd', [4, 8, 3, 3], given.lokr_w2_a!, given.lokr_w2_b!);
    const two = given.lokr_w2 ?? product();
    const rank = (given.lokr_w1_b ?? given.lokr_w2_b)?.shape[0];
    const expected = einsum('ab,cdkl->acbdkl', one, two);
    const adapter = await opened(of({ ...given, alpha: alpha(2) }));
    expectClose(deltaOf(adapter, conv), times(expected, rank === undefined ? 1 : 2 / rank));
  });
});

describe('what keeps lengths', () => {
  const name = 'lora_unet_up_blocks_0_resnets_0_conv1';
  const [d, u] = [eighths([4, 16, 3, 3], 1), eighths([8, 4, 1, 1], 2)];
  const changed = einsum('orab,rikl->oikl', u, d).map((x, i) => x + weightOf(conv).data[i]!);

  it.each([
    ['LyCORIS, by input', 'dora_scale', [1, 16, 1, 1], (i: number) => Math.floor(i / 9) % 16],
    ['LyCORIS, by output', 'dora_scale', [8, 1, 1, 1], (i: number) => Math.floor(i / 144)],
    ['peft', 'lora_magnitude_vector.weight', [1, 8, 1, 1], (i: number) => Math.floor(i / 144)],
  ] as const)('DoRA of a convolution as %s has it', async (_, slot, shape, axis) => {
    const lengths = eighths(shape, 9);
    const squares = new Array<number>(lengths.data.length).fill(0);
    for (const [i, x] of changed.entries()) squares[axis(i)]! += x * x;
    const expected = changed.map((x, i) => {
      return (x * lengths.data[axis(i)]!) / Math.sqrt(squares[axis(i)]!) - weightOf(conv).data[i]!;
    });
    const stored = { [`${name}.lora_down.weight`]: d, [`${name}.lora_up.weight`]: u, [`${name}.${slot}`]: lengths };
    expectClose(deltaOf(await opened(stored), conv), expected);
  });

  it('refuses lengths and blocks of another size', async () => {
    const stored = { [`${name}.lora_down.weight`]: d, [`${name}.lora_up.weight`]: u };
    const odd = { ...stored, [`${name}.dora_scale`]: eighths([1, 5, 1, 1], 1) };
    await expect(opened(odd)).rejects.toThrow(
      /changes a weight of shape \[1, 5, 1, 1\]; this model's is \[8, 16, 3, 3\]/,
    );
    for (const few of [{ oft_blocks: eighths([2, 3, 3], 1) }, { oft_diag: eighths([1, 2, 2], 1) }]) {
      const blocks = Object.fromEntries(Object.entries(few).map(([slot, matrix]) => [`${name}.${slot}`, matrix]));
      await expect(opened(blocks)).rejects.toThrow(/It is for another model/);
    }
  });

  it('OFT, with a length for each row, and a bias beside it', async () => {
    const [blocks, rescale] = [eighths([4, 2, 2], 1), eighths([8, 1], 4)];
    const layer = 'oft_unet_down_blocks_0_attentions_0_transformer_blocks_0_ff_net_2';
    const bias = eighths([8], 6);
    const stored = { [`${layer}.oft_blocks`]: blocks, [`${layer}.rescale`]: rescale, [`${layer}.diff_b`]: bias };
    const adapter = await opened(stored);
    const w = weightOf(linear).data;
    // kohya turns the output: x W^T R, so that the weight becomes R^T W.
    const expected = [...w].map((own, i) => {
      const [row, column] = [Math.floor(i / 32), i % 32];
      const [block, m] = [Math.floor(row / 2), row % 2];
      const r = turn(blocks.data[block * 4 + 1]! - blocks.data[block * 4 + 2]!);
      const turned = r[0]![m]! * w[block * 64 + column]! + r[1]![m]! * w[block * 64 + 32 + column]!;
      return turned * rescale.data[row]! - own;
    });
    expectClose(deltaOf(adapter, linear), expected);
    expect([...adapter.changes[0]!.bias!.data]).toEqual([...bias.data]);
  });

  it('BOFT: each stage turns rows that lie twice as far apart', async () => {
    const blocks = eighths([3, 4, 2, 2], 1);
    const layer = `lycoris_${linear.name.slice(5).replaceAll('.', '_')}`;
    let rows = Array.from({ length: 8 }, (_, r) => [...weightOf(linear).data.slice(r * 32, r * 32 + 32)]);
    for (let stage = 0; stage < 3; stage++) {
      const apart = 2 ** stage;
      const firsts = [0, 1, 2, 3, 4, 5, 6, 7].filter((row) => Math.floor(row / apart) % 2 === 0);
      const next = rows.map((row) => [...row]);
      for (const [block, first] of firsts.entries()) {
        const at = (stage * 4 + block) * 4;
        const r = turn(blocks.data[at + 1]! - blocks.data[at + 2]!);
        const [a, b] = [rows[first]!, rows[first + apart]!];
        next[first] = a.map((x, c) => r[0]![0]! * x + r[0]![1]! * b[c]!);
        next[first + apart] = a.map((x, c) => r[1]![0]! * x + r[1]![1]! * b[c]!);
      }
      rows = next;
    }
    const expected = rows.flat().map((x, i) => x - weightOf(linear).data[i]!);
    expectClose(deltaOf(await opened({ [`${layer}.oft_blocks`]: blocks }), linear), expected);
  });
});

describe('rotations of peft', () => {
  const layer = `${unet}.ff.net.2`;
  const path = '/lora/adapter_model.safetensors';
  const plain = layer.slice('unet.'.length);
  const quarters = (shape: readonly number[], seed: number): Matrix => {
    return { shape, data: eighths(shape, seed).data.map((x) => x / 4) };
  };
  /** Of the weight's first row; OFTRotationModule and BOFTLayer of peft 0.21 on the same numbers. */
  const expected = {
    series: [
      -0.295034, 0.357097, 0.275131, -0.123505, -0.279862, 0.141092, 0.03777, -0.343325, -0.384669, -0.170629, 0.352201,
      0.047261, -0.112052, 0.051835, 0.293531, 0.063799, -0.298687, -0.340375, -0.065065, 0.257045, 0.004378, 0.095311,
      -0.094869, 0.686357, 0.316093, 0.501558, -0.229756, 0.040086, 0.478484, 0.046803, 0.51207, 0.026598,
    ],
    threeTerms: [
      -0.319214, 0.371933, 0.290222, -0.136833, -0.299286, 0.155857, 0.048672, -0.373512, -0.406052, -0.186852,
      0.370651, 0.043884, -0.129822, 0.048576, 0.308338, 0.060215, -0.317242, -0.357536, -0.072395, 0.267071, -0.007591,
      0.101395, -0.108967, 0.722198, 0.337238, 0.526257, -0.237064, 0.046597, 0.521759, 0.054096, 0.563465, 0.0308,
    ],
    exact: [
      0.135281, -0.149351, -0.508658, 0.099567, 0.025279, -0.293045, 0.138359, 0.341394, 0.463415, 0.227352, -0.055314,
      -0.192944, 0.037581, -0.167094, -0.268868, 0.073634, 0.164699, 0.17556, 0.257719, -0.391867, 0.216742, 0.023842,
      -0.243231, -0.622586, -0.36536, -0.455177, 0.00601, 0.262428, -0.408473, -0.389576, -0.244302, -0.358684,
    ],
    limited: [
      0.075289, -0.078653, -0.166701, 0.043735, 0.037296, -0.088548, 0.024878, 0.12399, 0.172008, 0.08659, -0.057264,
      -0.055131, 0.025991, -0.041176, -0.089936, 0.013342, 0.085814, 0.092658, 0.084397, -0.142124, 0.050259, -0.003378,
      -0.036485, -0.205889, -0.146361, -0.192364, 0.027226, 0.067414, -0.149645, -0.096114, -0.118429, -0.086385,
    ],
    shared: [
      -0.295034, 0.357097, 0.275131, -0.123505, 0.19407, -0.324713, -0.050909, 0.273736, 0.557932, -0.367508, -0.187669,
      0.199363, -0.23439, 0.349964, 0.252338, -0.1359, 0.254713, -0.331845, -0.073703, 0.26134, -0.267334, 0.434053,
      -0.636214, -0.090395, -0.173746, 0.342832, 0.229544, -0.148295, 0.315357, -0.338978, -0.096496, 0.248945,
    ],
    butterflies: [
      -0.572191, -0.11917, -0.434899, 0.613626, 0.379913, -0.931703, 0.208408, -0.514898, 0.126141, 0.221694, 0.787976,
      0.108419, -0.694779, 0.138641, 0.391592, 0.087491, -0.277784, -0.403689, 0.044494, -0.475742, 0.244121, -0.225729,
      -0.70837, 0.102121, -0.479866, 1.003912, -0.159412, 0.215102, -0.345491, -0.173607, 0.563555, -0.625054,
    ],
  };
  const blocks = (count: number) => quarters([count, 6], 2);
  const newest = { use_cayley_neumann: true, num_cayley_neumann_terms: 5, peft_version: '0.21.0' };

  it.each([
    ['without a configuration', 'series', 8, undefined],
    ['by the series', 'series', 8, newest],
    ['by three terms of it', 'threeTerms', 8, { ...newest, num_cayley_neumann_terms: 3 }],
    ['exactly', 'exact', 8, { use_cayley_neumann: false }],
    ['within a limit', 'limited', 8, { use_cayley_neumann: false, coft: true, eps: 0.5 }],
    ['by a block for all inputs', 'shared', 1, { ...newest, block_share: true }],
  ] as const)('OFT %s', async (_, form, count, config) => {
    const stored = { [`base_model.model.${plain}.oft_R.weight`]: blocks(count) };
    const beside = config && { '/lora/adapter_config.json': JSON.stringify(config) };
    const delta = deltaOf(await opened(stored, { path, beside }), linear);
    expectClose(delta.slice(0, 32), expected[form]);
  });

  it('OFT by the series as it was before 0.18, whose last term counts as the others', async () => {
    const stored = { [`base_model.model.${plain}.oft_R.weight`]: quarters([16, 1], 2) };
    const beside = { '/lora/adapter_config.json': '{"use_cayley_neumann": true, "num_cayley_neumann_terms": 5}' };
    const w = weightOf(linear).data;
    const delta = deltaOf(await opened(stored, { path, beside }), linear);
    for (let pair = 0; pair < 16; pair++) {
      const q = quarters([16, 1], 2).data[pair]!;
      // Q = [[0, q], [-q, 0]]: powers of it are turns by a quarter, of length q^n.
      const [own, other] = [1 - 2 * q ** 2 + 2 * q ** 4, 2 * q - 2 * q ** 3];
      const [a, b] = [w[2 * pair]!, w[2 * pair + 1]!];
      expect(delta[2 * pair]).toBeCloseTo(own * a + other * b - a, 5);
      expect(delta[2 * pair + 1]).toBeCloseTo(own * b - other * a - b, 5);
    }
  });

  it('OFT as it was before 0.14, of what a layer gives, blocks that reach over its end', async () => {
    // Blocks of three for eight rows: the last has two.
    const stored = { [`base_model.model.${plain}.oft_r`]: quarters([3, 3, 3], 1) };
    const delta = deltaOf(await opened(stored, { path }), linear);
    const w = weightOf(linear).data;
    const lengths = (from: number, to: number, added: (i: number) => number): number => {
      let sum = 0;
      for (let row = from; row < to; row++) sum += (w[row * 32 + 5]! + added(row * 32 + 5)) ** 2;
      return sum;
    };
    for (const first of [0, 3]) {
      expect(lengths(first, first + 3, (i) => delta[i]!)).toBeCloseTo(
        lengths(first, first + 3, () => 0),
        5,
      );
    }
    const two = { [`base_model.model.${plain}.oft_r`]: quarters([4, 2, 2], 1) };
    const turned = deltaOf(await opened(two, { path }), linear);
    const b = quarters([4, 2, 2], 1).data;
    const r = turn(-(b[1]! - b[2]!) / 2);
    expect(turned[5]).toBeCloseTo(r[0]![0]! * w[5]! + r[1]![0]! * w[37]! - w[5]!, 5);
    expect(turned[37]).toBeCloseTo(r[0]![1]! * w[5]! + r[1]![1]! * w[37]! - w[37]!, 5);
  });

  it('BOFT, and a factor for each output', async () => {
    const stored = {
      [`base_model.model.${plain}.boft_R`]: quarters([3, 8, 4, 4], 4),
      [`base_model.model.${plain}.boft_s`]: eighths([8, 1], 6),
    };
    expectClose(deltaOf(await opened(stored, { path }), linear).slice(0, 32), expected.butterflies);
  });

  it('refuses blocks for another layer', async () => {
    for (const stored of [
      { oft_R: quarters([4, 6], 2) },
      { oft_r: quarters([2, 2, 2], 2) },
      { boft_R: quarters([1, 4, 4, 4], 2) },
    ]) {
      const [[slot, matrix]] = Object.entries(stored) as [[string, Matrix]];
      await expect(opened({ [`${layer}.${slot}.weight`]: matrix })).rejects.toThrow(/It is for another model/);
    }
  });
});

describe('a bias beside the second factor of peft', () => {
  it('is added as the product is', async () => {
    const layer = `base_model.model.${unet.slice(5)}`;
    const stored = (name: string) => ({
      [`${layer}.${name}.lora_A.weight`]: down,
      [`${layer}.${name}.lora_B.weight`]: up,
      [`${layer}.${name}.lora_B.bias`]: eighths([8], 6),
    });
    const beside = { '/lora/adapter_config.json': '{"r": 4, "lora_alpha": 2}' };
    const adapter = await opened(stored('ff.net.2'), { path: '/lora/adapter_model.safetensors', beside });
    expectClose(deltaOf(adapter, linear), times(pair, 1 / 2));
    expect([...adapter.changes[0]!.bias!.data]).toEqual([...eighths([8], 6).data].map((x) => x / 2));
    expect(adapter.warnings).toEqual([]);
    await expect(opened(stored('attn1.to_q'))).rejects.toThrow(
      /changes a bias of 8 values; this model's layer has none/,
    );
  });
});

describe('what acts on weights themselves', () => {
  const layer = 'lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_ff_net_2';
  it('(IA)^3 on inputs and outputs', async () => {
    const w = weightOf(linear);
    for (const [onInput, shape, spec] of [
      [1, [32], 'oi,i->oi'],
      [0, [8, 1], 'oi,oa->oi'],
    ] as const) {
      const factors = eighths(shape, 2);
      const stored = { [`${layer}.weight`]: factors, [`${layer}.on_input`]: alpha(onInput) };
      expectClose(deltaOf(await opened(stored), linear), einsum(spec, w, factors));
    }
    const few = { [`${layer}.weight`]: eighths([5], 2), [`${layer}.on_input`]: alpha(1) };
    await expect(opened(few)).rejects.toThrow(/changes a weight of shape \[5\]/);
  });

  it('norms: weight and bias', async () => {
    const stored = {
      'lora_unet_conv_norm_out.w_norm': eighths([8], 2),
      'lora_unet_conv_norm_out.b_norm': eighths([8], 5),
    };
    const { changes } = await opened(stored);
    expect([...changes[0]!.weight!(eighths([8], 1)).data]).toEqual([...eighths([8], 2).data]);
    expect([...changes[0]!.bias!.data]).toEqual([...eighths([8], 5).data]);
  });
});

describe('what is not known', () => {
  const kohya = 'lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_ff_net_2';
  const stored = { [`${kohya}.lora_down.weight`]: down, [`${kohya}.lora_up.weight`]: up };

  it('is told beside what acts', async () => {
    const { warnings } = await opened({
      ...stored,
      [`${kohya}.hra_u`]: eighths([8], 1),
      [`${unet}.attn1.to_q.vera_lambda_b`]: eighths([2, 6], 1),
      'bundle_emb.word.string_to_param.*': eighths([1, 8], 1),
    });
    expect(warnings).toEqual([
      `${kohya}.hra_u and 1 more tensors: no kind of adapter that Darkroom knows has such; left out.`,
    ]);
  });

  it('is refused by its name alone', async () => {
    const name = `base_model.model.${unet.slice(5)}.attn1.to_q.vera_lambda_b`;
    await expect(opened({ [name]: eighths([2, 6], 1) })).rejects.toThrow(
      `no kind of adapter that Darkroom knows has its tensors, such as ${name}`,
    );
  });

  it('is told of a part that this model has not, as of SDXL', async () => {
    const { warnings } = await opened({ ...stored, 'lora_te2_text_model_encoder_layers_0_mlp_fc1.alpha': alpha(1) });
    expect(warnings[0]).toContain('lora_te2_text_model_encoder_layers_0_mlp_fc1: this model has none of that name');
  });
});
