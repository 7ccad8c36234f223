import { constants, deflateRawSync, deflateSync, crc32 as zlibCrc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { crc32 } from './crc32.ts';
import { inflateRaw, inflateZlib } from './inflate.ts';

/** A stream of bytes that repeats earlier parts, as text does (a fixed linear congruential sequence). */
function sample(length: number, seed: number): Uint8Array {
  const out = new Uint8Array(length);
  let state = seed;
  const random = (n: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
  for (let i = 0; i < length; ) {
    if (i > 10 && random(3) > 0) {
      const distance = 1 + random(i);
      for (let n = 3 + random(300); n > 0 && i < length; n--, i++) out[i] = out[i - distance]!;
    } else out[i++] = random(256);
  }
  return out;
}

function flateCases(): [string, Uint8Array, object][] {
  const cases: [string, Uint8Array, object][] = [];
  for (const length of [0, 1, 3, 258, 1000, 70_000]) {
    for (const [name, options] of [
      ['stored', { level: 0 }],
      ['fixed', { strategy: constants.Z_FIXED }],
      ['dynamic', { level: 9 }],
      ['literals only', { strategy: constants.Z_HUFFMAN_ONLY }],
    ] as const) {
      cases.push([`${length} bytes, ${name}`, sample(length, length + 7), options]);
    }
  }
  return cases;
}

describe('inflate', () => {
  it.each(flateCases())('gives back %s', (_, bytes, options) => {
    expect(inflateRaw(deflateRawSync(bytes, options), bytes.length)).toEqual(bytes);
    expect(inflateZlib(deflateSync(bytes, options), bytes.length + 1000)).toEqual(bytes);
  });

  it('stops at the limit', () => {
    const bomb = deflateRawSync(new Uint8Array(1_000_000));
    expect(() => inflateRaw(bomb, 999_999)).toThrow(expect.objectContaining({ code: 'deflate.too-large' }));
    expect(() => inflateRaw(deflateRawSync(new Uint8Array(10), { level: 0 }), 9)).toThrow(/limit of 9 bytes/);
  });

  it('refuses every cut of a stream', () => {
    for (const options of [{ level: 0 }, { level: 9 }, { strategy: constants.Z_FIXED }]) {
      const whole = deflateRawSync(sample(300, 5), options);
      for (let n = 0; n < whole.length; n++) {
        expect(() => inflateRaw(whole.subarray(0, n), 1000)).toThrow(
          expect.objectContaining({ code: 'deflate.malformed' }),
        );
      }
    }
  });

  it('refuses malformed streams', () => {
    const cases = {
      'block type 3': [0b111],
      'no code': [0b101, 0, 0, 0, 0],
      'length check': [0b001, 1, 0, 0, 0, 9],
      'distance before the start': [0b00000011 | (0b1000 << 3), 0x10, 0, 0],
    };
    for (const bytes of Object.values(cases)) {
      expect(() => inflateRaw(Uint8Array.from(bytes), 100)).toThrow(
        expect.objectContaining({ code: 'deflate.malformed' }),
      );
    }
    const zlib = deflateSync(sample(100, 1));
    zlib[zlib.length - 1]! ^= 1;
    expect(() => inflateZlib(zlib, 1000)).toThrow(/checksum/);
    expect(() => inflateZlib(Uint8Array.of(0x79, 0x9c, 3, 0), 10)).toThrow(/zlib header/);
  });
});

describe('crc32', () => {
  it('is the CRC of zlib, for every alignment and in parts', () => {
    const bytes = sample(1000, 3);
    for (let start = 0; start < 5; start++) {
      for (let end = start; end < start + 9; end++) {
        expect(crc32(bytes.subarray(start, end))).toBe(zlibCrc32(bytes.subarray(start, end)));
      }
    }
    expect(crc32(bytes.subarray(333), crc32(bytes.subarray(0, 333)))).toBe(zlibCrc32(bytes));
  });

  it('refuses dynamic blocks that ask for large tables and hold nothing', () => {
    const bits: number[] = [];
    const put = (value: number, count: number): void => {
      for (let i = 0; i < count; i++) bits.push((value >> i) & 1);
    };
    const block = (): void => {
      put(0b100, 3);
      put(0, 5);
      put(0, 5);
      put(15, 4);
      // Of the code lengths in their order only 18 (zeros), 1 and 15 are used, by two bits each.
      for (const symbol of [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]) {
        put([18, 1, 15].includes(symbol) ? 2 : 0, 3);
      }
      // Canonical: 1 is 00, 15 is 01, 18 is 10; bits of codes come highest first.
      for (const zeros of [138, 117]) {
        put(0b01, 2);
        put(zeros - 11, 7);
      }
      put(0b10, 2);
      put(0b00, 2);
      put(0b10, 2);
      put(0, 1);
    };
    for (let i = 0; i < 2000; i++) block();
    const bytes = new Uint8Array(Math.ceil(bits.length / 8));
    for (const [i, bit] of bits.entries()) bytes[i >> 3]! |= bit << (i & 7);
    expect(() => inflateRaw(bytes, 1000)).toThrow(/blocks that hold nothing/);
  });
});
