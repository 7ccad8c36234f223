import { describe, expect, it } from 'vitest';
import { decodeLatin1, decodeUtf8, encodeLatin1, encodeUtf8 } from './text.ts';

/** Every lead byte with the boundary values of the bytes that follow it. */
function* sequences(): Generator<Uint8Array> {
  const edges = [0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xff];
  for (let lead = 0; lead < 256; lead++) {
    yield Uint8Array.of(lead);
    for (const a of edges) {
      yield Uint8Array.of(lead, a);
      for (const b of edges) {
        yield Uint8Array.of(lead, a, b);
        if (lead >= 0xe0) for (const c of edges) yield Uint8Array.of(lead, a, b, c);
      }
    }
  }
}

function orUndefined<T>(f: () => T): T | undefined {
  try {
    return f();
  } catch {
    return undefined;
  }
}

describe('UTF-8', () => {
  it('agrees with the platform on which sequences are well-formed and what they mean', () => {
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
    const mismatches = [...sequences()].filter((bytes) => {
      const want = orUndefined(() => decoder.decode(bytes));
      return want !== decodeUtf8(bytes);
    });
    expect(mismatches).toEqual([]);
  });

  it('encodes as the platform does, lone surrogates included', () => {
    const text = 'a\u0000\u007f\u0080\u07ff\u0800\uffff\ud7ff\ue000\u{10000}\u{10ffff}\ud800x\udc00\udc00\ud800';
    expect(encodeUtf8(text)).toEqual(new TextEncoder().encode(text));
  });

  it('decodes long mixed text', () => {
    const text = `${'x'.repeat(5000)}é${'y'.repeat(4096)}\u{1f600}`.repeat(3);
    expect(decodeUtf8(new TextEncoder().encode(text))).toBe(text);
  });
});

describe('Latin-1', () => {
  it('maps bytes to the first 256 code points and back, and nothing else', () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
    expect([...decodeLatin1(bytes)].map((c) => c.charCodeAt(0))).toEqual([...bytes]);
    expect(encodeLatin1(decodeLatin1(bytes))).toEqual(bytes);
    expect(encodeLatin1('\u0100')).toBeUndefined();
  });
});
