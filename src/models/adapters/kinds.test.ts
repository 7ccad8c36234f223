/** What the goldens have no values for: OFT, BOFT and GLoRA by what must hold of them. */

import { describe, expect, it } from 'vitest';
import { adapterKinds } from './kinds.ts';
import type { Matrix } from './matrix.ts';
import type { ModuleTensors, Slot } from './slots.ts';

const wave = (length: number, step: number): Float32Array =>
  Float32Array.from({ length }, (_, i) => Math.sin(1 + i * step));
const matrix = (shape: readonly number[], step = 0.7): Matrix => ({
  shape,
  data: wave(
    shape.reduce((a, b) => a * b, 1),
    step,
  ),
});

function tensors(given: Partial<Record<Slot, Matrix>>): ModuleTensors {
  return { has: (slot) => slot in given, find: (slot) => given[slot], need: (slot) => given[slot]! };
}

function deltaOf(id: string, given: Partial<Record<Slot, Matrix>>, weight: Matrix): Float32Array {
  return adapterKinds.find((kind) => kind.id === id)!.delta(tensors(given), weight).data;
}

/** Of each column. */
function lengths({ shape: [rows = 1], data }: Matrix): number[] {
  const columns = data.length / rows;
  return Array.from({ length: columns }, (_, c) =>
    Math.hypot(...Array.from({ length: rows }, (_, r) => data[r * columns + c]!)),
  );
}

const weight = matrix([8, 3], 0.3);

describe('orthogonal fine-tuning', () => {
  it.each([
    ['OFT', [2, 4, 4]],
    ['BOFT', [2, 2, 4, 4]],
  ])('%s changes the weight and keeps the length of its columns', (_, shape) => {
    const delta = deltaOf('oft', { oft_blocks: matrix(shape) }, weight);
    const changed = { shape: weight.shape, data: weight.data.map((w, i) => w + delta[i]!) };
    expect(Math.max(...delta.map(Math.abs))).toBeGreaterThan(0.1);
    for (const [i, length] of lengths(changed).entries()) expect(length).toBeCloseTo(lengths(weight)[i]!, 5);
  });

  it.each([
    ['OFT', [2, 4, 4]],
    ['BOFT', [2, 2, 4, 4]],
  ])('%s of zeros changes nothing', (_, shape) => {
    const zeros = { shape, data: new Float32Array(64) };
    expect(Math.max(...deltaOf('oft', { oft_blocks: zeros }, weight).map(Math.abs))).toBe(0);
  });

  it('turns less under a constraint', () => {
    const blocks = matrix([2, 4, 4]);
    const size = (data: Float32Array): number => Math.hypot(...data);
    const free = size(deltaOf('oft', { oft_blocks: blocks }, weight));
    const alpha = { shape: [], data: Float32Array.of(0.01) };
    expect(size(deltaOf('oft', { oft_blocks: blocks, alpha }, weight))).toBeLessThan(free / 2);
  });
});

describe('GLoRA', () => {
  it('is W A + B by alpha over the rank, in either order of its factors', () => {
    const [a1, a2, b1, b2] = [matrix([3, 2]), matrix([2, 3], 0.2), matrix([8, 2], 0.4), matrix([2, 3], 0.9)];
    const alpha = { shape: [], data: Float32Array.of(1) };
    const got = deltaOf('glora', { a1, a2, b1, b2, alpha }, weight);
    const swapped = deltaOf('glora', { a1: a2, a2: a1, b1: b2, b2: b1, alpha }, weight);
    for (let o = 0; o < 8; o++) {
      for (let i = 0; i < 3; i++) {
        let expected = 0;
        for (let r = 0; r < 2; r++) {
          for (let k = 0; k < 3; k++) {
            expected += weight.data[o * 3 + k]! * a1.data[k * 2 + r]! * a2.data[r * 3 + i]!;
          }
          expected += b1.data[o * 2 + r]! * b2.data[r * 3 + i]!;
        }
        expect(got[o * 3 + i]).toBeCloseTo(expected / 2, 5);
        expect(swapped[o * 3 + i]).toBeCloseTo(expected / 2, 5);
      }
    }
  });

  it('has a core between the factors of B where it is for a convolution', () => {
    const kernel = matrix([8, 3, 2, 2], 0.3);
    const [a1, a2] = [matrix([3, 2]), { shape: [2, 3], data: new Float32Array(6) }];
    const [b1, b2, bm] = [matrix([8, 2], 0.4), matrix([2, 3], 0.9), matrix([2, 2, 2, 2], 0.2)];
    const got = deltaOf('glora', { a1, a2, b1, b2, bm }, kernel);
    for (let o = 0; o < 8; o++) {
      for (let i = 0; i < 3; i++) {
        for (let cell = 0; cell < 4; cell++) {
          let expected = 0;
          for (let p = 0; p < 2; p++) {
            for (let q = 0; q < 2; q++) {
              expected += b1.data[o * 2 + p]! * bm.data[(p * 2 + q) * 4 + cell]! * b2.data[q * 3 + i]!;
            }
          }
          expect(got[(o * 3 + i) * 4 + cell]).toBeCloseTo(expected, 5);
        }
      }
    }
  });
});
