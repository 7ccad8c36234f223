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

function deflated(bytes: Uint8Array, options?: object): Uint8Array<ArrayBuffer> {
  return new Uint8Array(deflateRawSync(bytes, options));
}

const malformed: Readonly<Record<string, readonly number[]>> = {
  'block type 3': [0b111],
  'no code': [0b101, 0, 0, 0, 0],
  'a length that fails its check': [0b001, 1, 0, 0, 0, 9],
  'a distance before the start': [0b00000011 | (0b1000 << 3), 0x10, 0, 0],
};

describe('inflate', () => {
  it.each(flateCases())('gives back %s', async (_, bytes, options) => {
    expect(await inflateRaw(deflated(bytes, options), bytes.length)).toEqual(bytes);
    expect(await inflateZlib(new Uint8Array(deflateSync(bytes, options)), bytes.length + 1000)).toEqual(bytes);
  });

  it('stops at the limit', async () => {
    const bomb = deflated(new Uint8Array(1_000_000));
    await expect(inflateRaw(bomb, 999_999)).rejects.toMatchObject({ code: 'deflate.too-large' });
    await expect(inflateRaw(deflated(new Uint8Array(10), { level: 0 }), 9)).rejects.toThrow(/limit of 9 bytes/);
  });

  it('refuses every cut of a stream', async () => {
    for (const options of [{ level: 0 }, { level: 9 }, { strategy: constants.Z_FIXED }]) {
      const whole = deflated(sample(300, 5), options);
      for (let n = 0; n < whole.length; n++) {
        await expect(inflateRaw(whole.subarray(0, n), 1000)).rejects.toMatchObject({ code: 'deflate.malformed' });
      }
    }
  });

  it.each(Object.entries(malformed))('refuses malformed streams: %s', async (_, bytes) => {
    await expect(inflateRaw(Uint8Array.from(bytes), 100)).rejects.toMatchObject({ code: 'deflate.malformed' });
  });

  it('refuses a wrong checksum and what is no zlib stream', async () => {
    const zlib = new Uint8Array(deflateSync(sample(100, 1)));
    zlib[zlib.length - 1]! ^= 1;
    await expect(inflateZlib(zlib, 1000)).rejects.toMatchObject({ code: 'deflate.malformed' });
    await expect(inflateZlib(Uint8Array.of(0x79, 0x9c, 3, 0), 10)).rejects.toMatchObject({ code: 'deflate.malformed' });
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
});
