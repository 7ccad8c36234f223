import { describe, expect, it } from 'vitest';
import { bytesSource } from './byte-source.ts';
import { concatBytes } from './bytes.ts';
import { readGgufHeader } from './gguf.ts';
import { planGguf } from './gguf-writer.ts';
import { packValues } from './pack.ts';
import { float8Values, unpackValues } from './packing.ts';

const wave = (length: number): Float32Array =>
  Float32Array.from({ length }, (_, i) => Math.sin(i * 1.7) * (1 + i / 50));

describe('packValues', () => {
  it('writes Q8_0 within half a step of each block', () => {
    const values = wave(320);
    values.fill(0, 64, 96);
    const back = unpackValues('Q8_0', packValues('Q8_0', values));
    for (let at = 0; at < values.length; at += 32) {
      const largest = Math.max(...values.subarray(at, at + 32).map(Math.abs));
      // Half a step, and what the half-precision scale loses over 127 steps.
      const most = (largest / 127) * 0.5 + largest * 2 ** -11;
      for (let i = at; i < at + 32; i++) expect(Math.abs(back[i]! - values[i]!)).toBeLessThanOrEqual(most * 1.0001);
    }
  });

  it('keeps every 8-bit float, and takes the nearest of others', () => {
    const all = float8Values('F8_E4M3');
    const finite = all.filter(Number.isFinite);
    expect(unpackValues('F8_E4M3', packValues('F8_E4M3', finite))).toEqual(finite);
    // Between 1 and 1.125, 1.0625 is a tie and goes to the even code; beyond 448 there is nothing.
    const given = Float32Array.of(1.06, 1.0625, 1.07, 1.1875, 1e9, -1e9, Number.NaN, 1e-9);
    expect([...unpackValues('F8_E4M3', packValues('F8_E4M3', given))]).toEqual([
      1,
      1,
      1.125,
      1.25,
      448,
      -448,
      Number.NaN,
      0,
    ]);
  });
});

describe('planGguf', () => {
  it('writes what the reader reads', async () => {
    const tensors = [
      { name: 'a.weight', shape: [3, 64], form: 'Q8_0', values: wave(192) },
      { name: 'a.bias', shape: [3], form: 'F32', values: wave(3) },
      { name: 'c', shape: [2, 3, 1, 5], form: 'F16', values: wave(30) },
    ] as const;
    const { header, order } = planGguf(tensors, { 'general.architecture': 'sd1' });
    const file = concatBytes([
      header,
      ...order.flatMap(({ form, values, padding }) => [packValues(form, values), new Uint8Array(padding)]),
    ]);
    const read = await readGgufHeader(bytesSource('m.gguf', file));
    expect(read.metadata.get('general.architecture')).toBe('sd1');
    expect([...read.tensors.values()].map(({ name, shape, type }) => [name, shape, type.name])).toEqual(
      tensors.map(({ name, shape, form }) => [name, shape, form]),
    );
    const bias = read.tensors.get('a.bias')!;
    expect(new Float32Array(file.slice(bias.offset, bias.offset + 12).buffer)).toEqual(wave(3));
  });
});
