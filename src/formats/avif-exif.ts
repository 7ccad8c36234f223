/**
 * The EXIF item of AVIF files: boxes of ISO/IEC 14496-12 (section 8.11: `meta`, `iinf`, `iloc`), the item by ISO/IEC
 * 23008-12 annex A.2.1. Items in several pieces or outside the file are left out. Pixels are never decoded.
 */

import { FormatError } from './format-error.ts';
import { decodeLatin1 } from './text.ts';

interface Box {
  readonly type: string;
  /** A view into the file, without size and type. */
  readonly data: Uint8Array;
}

export function isAvif(bytes: Uint8Array): boolean {
  return decodeLatin1(bytes.subarray(4, 8)) === 'ftyp' && /avi[fs]/.test(decodeLatin1(bytes.subarray(8, 32)));
}

/** The TIFF structure of the file's EXIF item, or undefined. Throws `avif.malformed`. */
export function readAvifExif(bytes: Uint8Array): Uint8Array | undefined {
  const meta = findBox(bytes, 'meta')?.subarray(4);
  const info = meta && findBox(meta, 'iinf');
  const places = meta && findBox(meta, 'iloc');
  const id = info && exifItem(info);
  const place = places && id !== undefined ? placeOf(places, id) : undefined;
  if (!place || place.offset + place.length > bytes.length || place.length < 4) return undefined;
  const item = bytes.subarray(place.offset, place.offset + place.length);
  return item.subarray(4 + new Reader(item).take(4));
}

function findBox(bytes: Uint8Array, type: string): Uint8Array | undefined {
  for (const box of boxes(bytes)) if (box.type === type) return box.data;
  return undefined;
}

function* boxes(bytes: Uint8Array): Generator<Box, void, undefined> {
  for (let at = 0; at + 8 <= bytes.length; ) {
    const reader = new Reader(bytes, at);
    const stated = reader.take(4);
    const type = decodeLatin1(bytes.subarray(at + 4, at + 8));
    reader.at = at + 8;
    const size = stated === 1 ? reader.take(8) : stated === 0 ? bytes.length - at : stated;
    if (size < reader.at - at || at + size > bytes.length) throw malformed(`the box ${JSON.stringify(type)}`);
    yield { type, data: bytes.subarray(reader.at, at + size) };
    at += size;
  }
}

/** The number of the item of type `Exif`. */
function exifItem(info: Uint8Array): number | undefined {
  const entries = info.subarray(info[0] === 0 ? 6 : 8);
  for (const { type, data } of boxes(entries)) {
    if (type !== 'infe' || data[0]! < 2) continue;
    const reader = new Reader(data, 4);
    const id = reader.take(data[0] === 2 ? 2 : 4);
    if (decodeLatin1(data.subarray(reader.at + 2, reader.at + 6)) === 'Exif') return id;
  }
  return undefined;
}

/** Where in the file an item of one piece is. */
function placeOf(places: Uint8Array, wanted: number): { offset: number; length: number } | undefined {
  const version = places[0]!;
  const reader = new Reader(places, 4);
  const sizes = reader.take(2);
  const [offsetSize, lengthSize, baseSize, indexSize] = [12, 8, 4, 0].map((shift) => (sizes >> shift) & 15) as [
    number,
    number,
    number,
    number,
  ];
  const wide = version === 2 ? 4 : 2;
  for (let left = reader.take(wide); left > 0; left--) {
    const id = reader.take(wide);
    const method = version > 0 ? reader.take(2) & 15 : 0;
    reader.at += 2;
    const base = reader.take(baseSize);
    const pieces = reader.take(2);
    const start = reader.at + (version > 0 ? indexSize : 0);
    const stride = start - reader.at + offsetSize + lengthSize;
    // Stepped over at once: pieces without any bytes would be counted through for ever.
    if (id !== wanted) reader.at += stride * pieces;
    else if (pieces !== 1 || method !== 0) return undefined;
    else {
      reader.at = start;
      return { offset: base + reader.take(offsetSize), length: reader.take(lengthSize) };
    }
  }
  return undefined;
}

/** Big-endian numbers, one after another. Throws `avif.malformed` beyond the end. */
class Reader {
  readonly #bytes: Uint8Array;
  at: number;

  constructor(bytes: Uint8Array, at = 0) {
    this.#bytes = bytes;
    this.at = at;
  }

  take(width: number): number {
    if (this.at + width > this.#bytes.length) throw malformed('a list of items');
    let value = 0;
    for (let i = 0; i < width; i++) value = value * 256 + this.#bytes[this.at++]!;
    return value;
  }
}

function malformed(what: string): FormatError {
  return new FormatError('avif.malformed', `malformed AVIF file: ${what} leaves its place`);
}
