/**
 * Random access to the bytes of one file. Readers of this room take a source instead of a path: the caller decides
 * whether it is a file handle, a fetched range or memory.
 */

import { DarkroomError } from '#core/errors';

export interface ByteSource {
  /** Shown in messages: a file name, without meaning for the reader. */
  readonly name: string;
  /** Bytes in all. */
  readonly size: number;
  /** Exactly `length` bytes from `offset`; rejects when the range leaves the source. */
  read(offset: number, length: number): Promise<Uint8Array>;
}

/** A source over bytes in memory; reads are views, not copies. Rejects with `source.out-of-range`. */
export function bytesSource(name: string, bytes: Uint8Array): ByteSource {
  return {
    name,
    size: bytes.length,
    async read(offset, length) {
      checkRange(name, bytes.length, offset, length);
      return bytes.subarray(offset, offset + length);
    },
  };
}

/** Throws `source.out-of-range` unless `[offset, offset + length)` lies within `size` bytes. */
export function checkRange(name: string, size: number, offset: number, length: number): void {
  const fits = Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length >= 0;
  if (!fits || offset + length > size) {
    throw new DarkroomError(
      'source.out-of-range',
      `${name}: cannot read ${length} bytes at offset ${offset}, the file has ${size} bytes; is it cut short?`,
    );
  }
}
