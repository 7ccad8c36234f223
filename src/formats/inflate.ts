/**
 * Decompression of DEFLATE (RFC 1951), zlib (RFC 1950) and gzip (RFC 1952) data into bounded memory, by the host's own
 * decompressor (Compression Streams, WHATWG), which works beside the event loop. Nothing here writes compressed data.
 */

import { concatBytes } from './bytes.ts';
import { FormatError } from './format-error.ts';

/**
 * Decompresses a raw DEFLATE stream.
 * Throws `deflate.malformed`, or `deflate.too-large` as soon as the output exceeds `limit` bytes.
 */
export function inflateRaw(input: Uint8Array, limit: number): Promise<Uint8Array> {
  return inflate('deflate-raw', input, limit);
}

/** Decompresses a zlib stream and checks its Adler-32. Throws as `inflateRaw` does. */
export function inflateZlib(input: Uint8Array, limit: number): Promise<Uint8Array> {
  return inflate('deflate', input, limit);
}

/** Decompresses a gzip member and checks its CRC. Throws as `inflateRaw` does. */
export function inflateGzip(input: Uint8Array, limit: number): Promise<Uint8Array> {
  return inflate('gzip', input, limit);
}

async function inflate(
  format: 'deflate' | 'deflate-raw' | 'gzip',
  input: Uint8Array,
  limit: number,
): Promise<Uint8Array> {
  const { readable, writable } = new DecompressionStream(format);
  feed(writable, input);
  const reader = readable.getReader();
  const parts: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read().catch(malformed);
    if (done) return concatBytes(parts);
    length += value.length;
    if (length > limit) {
      await reader.cancel();
      throw new FormatError('deflate.too-large', `compressed data expands beyond the limit of ${limit} bytes`);
    }
    parts.push(value);
  }
}

/** What goes wrong in writing comes out where it is read. */
function feed(writable: DecompressionStream['writable'], input: Uint8Array): void {
  const writer = writable.getWriter();
  const ignore = (): void => {};
  writer.write(input).catch(ignore);
  writer.close().catch(ignore);
}

function malformed(cause: unknown): never {
  const why = cause instanceof Error ? cause.message : String(cause);
  throw new FormatError('deflate.malformed', `malformed compressed data: ${why}`, { cause });
}
