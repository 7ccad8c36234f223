import { describe, expect, it } from 'vitest';
import { f32 } from '#core/tensor';
import type { WeightRange, WeightRef } from '#engine/backend';
import type { KeyMap } from './keys.ts';
import { resolveParameters, type StoredTensor } from './resolve.ts';

const zeros = { kind: 'zeros' } as const;

/** A [6, 2] matrix of 0..11, in a file and in memory. */
const inFile: StoredTensor = {
  dtype: 'f16',
  shape: [6, 2],
  ref: { kind: 'file', path: 'f', offset: 100, byteLength: 24, dtype: 'f16', shape: [6, 2] },
};
const inMemory: StoredTensor = {
  dtype: 'f32',
  shape: [6, 2],
  ref: {
    kind: 'memory',
    tensor: f32(
      [6, 2],
      Array.from({ length: 12 }, (_, i) => i),
    ),
  },
};

function resolve(shape: readonly number[], keys: KeyMap, tensor: StoredTensor): WeightRef {
  const { weights, problems, used } = resolveParameters(
    'text_encoder',
    [{ name: 'text_encoder.k.weight', shape, initializer: zeros }],
    keys,
    new Map([['in_proj', tensor]]),
    '',
  );
  expect(problems).toEqual([]);
  expect([...used]).toEqual(['in_proj']);
  return weights.get('text_encoder.k.weight')!;
}

describe('resolveParameters', () => {
  it('takes a part of the rows', () => {
    const keys: KeyMap = () => [{ name: 'in_proj', part: [1, 3] }];
    const range = resolve([2, 2], keys, inFile) as WeightRange;
    expect(range).toMatchObject({ offset: 108, byteLength: 8, shape: [2, 2] });
    expect(resolve([2, 2], keys, inMemory)).toMatchObject({
      tensor: { shape: [2, 2], data: f32([4], [4, 5, 6, 7]).data },
    });
  });

  it('transposes', () => {
    const keys: KeyMap = () => [{ name: 'in_proj', transpose: true }];
    expect(resolve([2, 6], keys, inFile)).toMatchObject({ transpose: true, shape: [6, 2], offset: 100 });
    const turned = f32([2, 6], [0, 2, 4, 6, 8, 10, 1, 3, 5, 7, 9, 11]);
    expect(resolve([2, 6], keys, inMemory)).toMatchObject({ tensor: turned });
  });

  it('takes a 1x1 convolution for a linear layer, and the reverse', () => {
    const keys: KeyMap = () => [{ name: 'in_proj' }];
    expect(resolve([6, 2, 1, 1], keys, inFile)).toMatchObject({ shape: [6, 2] });
    const convolution: StoredTensor = { ...inFile, shape: [6, 2, 1, 1] };
    expect(resolve([6, 2], keys, convolution)).toEqual(inFile.ref);
  });

  it('takes the first name that is there', () => {
    const keys: KeyMap = () => [{ name: 'elsewhere' }, { name: 'in_proj' }];
    expect(resolve([6, 2], keys, inFile)).toEqual(inFile.ref);
  });
});
