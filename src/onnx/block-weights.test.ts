import { describe, expect, it } from 'vitest';
import { type Blocks, valuesOfBlocks } from '#formats/packing';
import * as b from '#graph/build';
import { closeGraph } from '#graph/value';
import { linearWeights, runtimeBlocks } from './block-weights.ts';

/** What the runtime computes from its form. */
function valuesOf({ bits, size }: Blocks, form: ReturnType<typeof runtimeBlocks>): number[] {
  const middle = bits === 8 ? 128 : 8;
  const code = (i: number): number =>
    bits === 8 ? form.codes[i]! : i % 2 === 0 ? form.codes[i >> 1]! & 15 : form.codes[i >> 1]! >> 4;
  const count = form.codes.length * (8 / bits);
  return Array.from({ length: count }, (_, i) => {
    const block = Math.floor(i / size);
    return (code(i) - (form.zeroPoints?.[block] ?? middle)) * form.scales[block]!;
  });
}

const signed = (bits: 4 | 8): Int8Array =>
  Int8Array.from({ length: 64 }, (_, i) => ((i * 37) % 2 ** bits) - 2 ** (bits - 1));
const unsigned = Int8Array.from({ length: 64 }, (_, i) => (i * 7) % 16);

describe('runtimeBlocks', () => {
  it.each<[string, Blocks]>([
    ['eight bits', { bits: 8, size: 32, codes: signed(8), scales: Float32Array.of(0.5, 0.25) }],
    ['four bits', { bits: 4, size: 32, codes: signed(4), scales: Float32Array.of(0.5, 0.25) }],
    [
      'offsets',
      { bits: 4, size: 32, codes: unsigned, scales: Float32Array.of(0.5, 0.25), offsets: Float32Array.of(-3, 1) },
    ],
    [
      'eight bits with offsets',
      {
        bits: 8,
        size: 16,
        codes: unsigned,
        scales: Float32Array.of(1, 2, 4, 8),
        offsets: Float32Array.of(0, 1, 2, -3),
      },
    ],
    [
      'one value in a block',
      { bits: 4, size: 32, codes: unsigned, scales: Float32Array.of(0, 0), offsets: Float32Array.of(-3, 0) },
    ],
  ])('keeps the values: %s', (_, blocks) => {
    expect(valuesOf(blocks, runtimeBlocks(blocks))).toEqual(Array.from(valuesOfBlocks(blocks), (v) => v + 0));
  });
});

describe('linearWeights', () => {
  it('leaves out what anything else reads', () => {
    const x = b.input('x', 'f32', [2, 4]);
    const [w, shared, bias] = [b.parameter('w', [4, 4]), b.parameter('shared', [4, 4]), b.parameter('bias', [4])];
    const y = b.linear(b.linear(x, w, bias), shared);
    const graph = closeGraph('test', { y: b.add(y, b.matmul(x, shared)) });
    expect([...linearWeights(graph)]).toEqual(['w']);
  });
});
