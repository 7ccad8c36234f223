import { describe, expect, it } from 'vitest';
import { bytesSource } from './byte-source.ts';
import { concatBytes } from './bytes.ts';
import { FormatError } from './format-error.ts';
import { readGgufHeader } from './gguf.ts';

import { encodeUtf8 } from './text.ts';

const number = (bytes: 4 | 8, value: number | bigint): Uint8Array => {
  const view = new DataView(new ArrayBuffer(bytes));
  if (bytes === 4) view.setUint32(0, Number(value), true);
  else view.setBigUint64(0, BigInt(value), true);
  return new Uint8Array(view.buffer);
};
const u32 = (value: number): Uint8Array => number(4, value);
const u64 = (value: number | bigint): Uint8Array => number(8, value);
const text = (value: string): Uint8Array => concatBytes([u64(encodeUtf8(value).length), encodeUtf8(value)]);

interface Tensor {
  readonly name: string;
  /** The fastest first. */
  readonly dims: readonly (number | bigint)[];
  readonly type: number;
  readonly offset?: number | bigint;
}

interface File {
  readonly version?: number;
  readonly tensors?: readonly Tensor[];
  readonly count?: number | bigint;
  readonly pairs?: readonly (readonly [key: string, type: number, value: Uint8Array])[];
  readonly pairCount?: number | bigint;
  readonly data?: number;
}

function file({ version = 3, tensors = [], count, pairs = [], pairCount, data = 0 }: File): Uint8Array {
  const header = concatBytes([
    encodeUtf8('GGUF'),
    u32(version),
    u64(count ?? tensors.length),
    u64(pairCount ?? pairs.length),
    ...pairs.flatMap(([key, type, value]) => [text(key), u32(type), value]),
    ...tensors.flatMap(({ name, dims, type, offset = 0 }) => [
      text(name),
      u32(dims.length),
      ...dims.map(u64),
      u32(type),
      u64(offset),
    ]),
  ]);
  return concatBytes([header, new Uint8Array((32 - (header.length % 32)) % 32), new Uint8Array(data)]);
}

const read = (bytes: Uint8Array) => readGgufHeader(bytesSource('m.gguf', bytes));
const STRING = 8;
const ARRAY = 9;
const I32 = 5;
const [F16, Q8_0] = [1, 8];

describe('readGgufHeader', () => {
  it('gives true shapes, places and metadata', async () => {
    const bytes = file({
      pairs: [
        ['general.architecture', STRING, text('sd1')],
        ['comfy.gguf.orig_shape.b', ARRAY, concatBytes([u32(I32), u64(4), u32(2), u32(16), u32(2), u32(4)])],
        [
          'tokenizer.tokens',
          ARRAY,
          concatBytes([u32(STRING), u64(100), ...Array.from({ length: 100 }, () => text('t'))]),
        ],
      ],
      tensors: [
        { name: 'a', dims: [3, 5], type: F16 },
        { name: 'b', dims: [256, 1], type: Q8_0, offset: 32 },
      ],
      data: 32 + 272,
    });
    const { metadata, tensors } = await read(bytes);
    expect(metadata.get('general.architecture')).toBe('sd1');
    expect(metadata.has('tokenizer.tokens')).toBe(false);
    const start = bytes.length - 304;
    expect(tensors.get('a')).toMatchObject({ shape: [5, 3], offset: start, byteLength: 30, type: { dtype: 'F16' } });
    expect(tensors.get('b')).toMatchObject({ shape: [2, 16, 2, 4], offset: start + 32, byteLength: 272 });
    expect(tensors.get('b')!.type.packing).toBe('Q8_0');
  });

  it('knows types that it cannot unpack by name', async () => {
    const { tensors } = await read(file({ tensors: [{ name: 'a', dims: [32], type: 20 }], data: 18 }));
    expect(tensors.get('a')!.type).toMatchObject({ name: 'IQ4_NL', packing: undefined, dtype: undefined });
  });

  const one = (tensor: Partial<Tensor>): File => ({
    tensors: [{ name: 'a', dims: [4], type: 0, ...tensor }],
    data: 16,
  });

  it.each<[string, File | Uint8Array, string, RegExp]>([
    ['another file', encodeUtf8('<!doctype html>'), 'unrecognised', /web page/],
    ['an empty file', new Uint8Array(), 'truncated', /0 bytes/],
    ['version 1', { version: 1 }, 'unsupported', /version 1/],
    ['the other byte order', { version: 3 << 24 }, 'unsupported', /big-endian/],
    ['more tensors than can be', { count: 2n ** 40n }, 'too-large', /1099511627776 tensors/],
    ['a count beyond numbers', { count: 2n ** 63n }, 'malformed', /damaged/],
    ['tensors that are not there', { count: 3 }, 'truncated', /cut short/],
    ['pairs that are not there', { pairCount: 1000 }, 'malformed', /empty or there twice/],
    [
      'a key twice',
      {
        pairs: [
          ['k', 4, u32(1)],
          ['k', 4, u32(1)],
        ],
      },
      'malformed',
      /twice/,
    ],
    ['a value of no type', { pairs: [['k', 99, u32(1)]] }, 'malformed', /unknown type 99/],
    ['an array of arrays', { pairs: [['k', ARRAY, concatBytes([u32(ARRAY), u64(1)])]] }, 'malformed', /arrays/],
    ['an endless array', { pairs: [['k', ARRAY, concatBytes([u32(0), u64(2n ** 50n)])]] }, 'truncated', /cut short/],
    ['an odd alignment', { pairs: [['general.alignment', 4, u32(24)]] }, 'malformed', /power of two/],
    ['five dimensions', one({ dims: [1, 1, 1, 1, 4] }), 'bad-tensor', /5 dimensions/],
    ['an absurd shape', one({ dims: [2n ** 40n, 2n ** 40n] }), 'bad-tensor', /absurd/],
    ['a shape beyond the file', one({ dims: [2 ** 30] }), 'truncated', /cut short/],
    ['an unknown type', one({ type: 4321 }), 'unsupported', /unknown type 4321/],
    ['rows that are no blocks', one({ dims: [33], type: Q8_0 }), 'bad-tensor', /multiple of 32/],
    ['a hole', one({ offset: 32 }), 'bad-tensor', /begins at 32/],
    ['an endless name', one({ name: 'n'.repeat(300) }), 'malformed', /300 bytes/],
    [
      'a name twice',
      {
        tensors: [
          { name: 'a', dims: [8], type: 0 },
          { name: 'a', dims: [8], type: 0, offset: 32 },
        ],
        data: 64,
      },
      'bad-tensor',
      /twice/,
    ],
    [
      'another true shape',
      { ...one({}), pairs: [['comfy.gguf.orig_shape.a', ARRAY, concatBytes([u32(I32), u64(1), u32(5)])]] },
      'bad-tensor',
      /does not fit/,
    ],
  ])('refuses %s', async (_, given, kind, message) => {
    const error = await read(given instanceof Uint8Array ? given : file(given)).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(FormatError);
    expect(error).toMatchObject({ kind, message: expect.stringMatching(message) as unknown });
  });

  it('ends within bounds on any truncation', async () => {
    const whole = file({ pairs: [['k', STRING, text('v')]], ...one({}) });
    for (let length = 0; length < whole.length; length++) {
      const error = await read(whole.subarray(0, length)).catch((e: unknown) => e);
      expect(error).toMatchObject({
        code: length < 4 ? 'gguf.truncated' : (expect.stringMatching(/truncated/) as unknown),
      });
    }
  });
});
