/** The comment extension of GIF files (GIF89a specification, section 24). Pixels are never decoded. */

import { concatBytes } from './bytes.ts';
import { FormatError } from './format-error.ts';
import { decodeLatin1, decodeLoosely } from './text.ts';

const EXTENSION = 0x21;
const IMAGE = 0x2c;
const TRAILER = 0x3b;
const COMMENT = 0xfe;

export function isGif(bytes: Uint8Array): boolean {
  return /^GIF8[79]a$/.test(decodeLatin1(bytes.subarray(0, 6)));
}

/** The first comment, or undefined. Throws `gif.malformed`. */
export function readGifComment(bytes: Uint8Array): string | undefined {
  if (!isGif(bytes)) throw malformed(0);
  let at = 13 + tableBytes(bytes[10] ?? 0);
  for (;;) {
    const kind = bytes[at];
    if (kind === TRAILER) return undefined;
    if (kind !== EXTENSION && kind !== IMAGE) throw malformed(at);
    // An image: its descriptor, its colours, the width of its codes; then blocks, as in an extension.
    const start = kind === EXTENSION ? at + 2 : at + 11 + tableBytes(bytes[at + 9] ?? 0);
    const end = blocksEnd(bytes, start);
    if (kind === EXTENSION && bytes[at + 1] === COMMENT) return decodeLoosely(joinBlocks(bytes, start, end));
    at = end;
  }
}

/** Bytes of the colour table that flags announce. */
function tableBytes(flags: number): number {
  return flags & 0x80 ? 3 * 2 ** ((flags & 7) + 1) : 0;
}

/** Where the blocks from `start` on end: behind the empty one. */
function blocksEnd(bytes: Uint8Array, start: number): number {
  for (let at = start; at < bytes.length; at += bytes[at]! + 1) if (bytes[at] === 0) return at + 1;
  throw malformed(start);
}

function joinBlocks(bytes: Uint8Array, start: number, end: number): Uint8Array {
  const blocks: Uint8Array[] = [];
  for (let at = start; at < end; at += bytes[at]! + 1) blocks.push(bytes.subarray(at + 1, at + 1 + bytes[at]!));
  return concatBytes(blocks);
}

function malformed(at: number): FormatError {
  return new FormatError('gif.malformed', `malformed GIF file: no whole block at byte ${at}`);
}
