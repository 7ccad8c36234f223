/**
 * The EXIF and XMP chunks of WebP files (WebP Container Specification, RFC 9649 section 2). A simple file (one VP8 or VP8L
 * chunk) is turned into the extended layout, which alone has metadata. Pixels are never decoded.
 */

import { concatBytes, viewOf } from './bytes.ts';
import { FormatError } from './format-error.ts';
import { decodeLatin1, encodeLatin1 } from './text.ts';

const EXIF_FLAG = 0x08;
const ALPHA_FLAG = 0x10;

interface Chunk {
  readonly type: string;
  readonly data: Uint8Array;
}

export function isWebp(bytes: Uint8Array): boolean {
  return decodeLatin1(bytes.subarray(0, 4)) === 'RIFF' && decodeLatin1(bytes.subarray(8, 12)) === 'WEBP';
}

function malformed(what: string): FormatError {
  return new FormatError('webp.malformed', `malformed WebP file: ${what}`);
}

function chunksOf(bytes: Uint8Array): Chunk[] {
  if (!isWebp(bytes)) throw malformed('no RIFF header of type WEBP');
  const view = viewOf(bytes);
  const end = view.getUint32(4, true) + 8;
  if (end > bytes.length) throw malformed(`it states ${end} bytes, ${bytes.length} are there`);
  const chunks: Chunk[] = [];
  for (let at = 12; at < end; ) {
    const size = at + 8 <= end ? view.getUint32(at + 4, true) : Number.POSITIVE_INFINITY;
    if (at + 8 + size > end) throw malformed(`the chunk at byte ${at} leaves the file`);
    chunks.push({
      type: decodeLatin1(bytes.subarray(at, at + 4)),
      data: bytes.subarray(at + 8, at + 8 + size),
    });
    at += 8 + size + (size % 2);
  }
  return chunks;
}

/** The EXIF block, or undefined. Throws `webp.malformed`. */
export function readWebpExif(bytes: Uint8Array): Uint8Array | undefined {
  return chunksOf(bytes).find((c) => c.type === 'EXIF')?.data;
}

/** The XMP packet, or undefined. Throws `webp.malformed`. */
export function readWebpXmp(bytes: Uint8Array): Uint8Array | undefined {
  return chunksOf(bytes).find((c) => c.type === 'XMP ')?.data;
}

/** The file with the TIFF structure `exif` as its only EXIF chunk. Throws `webp.malformed`. */
export function setWebpExif(bytes: Uint8Array, exif: Uint8Array): Uint8Array {
  const chunks = chunksOf(bytes).filter((c) => c.type !== 'EXIF');
  const [first] = chunks;
  if (first?.type === 'VP8X' && first.data.length >= 10) {
    const data = first.data.slice();
    data[0]! |= EXIF_FLAG;
    chunks[0] = { type: 'VP8X', data };
  } else chunks.unshift({ type: 'VP8X', data: extendedHeader(first) });
  // XMP, where there is any, comes after EXIF.
  const xmp = chunks.findIndex((c) => c.type === 'XMP ');
  chunks.splice(xmp < 0 ? chunks.length : xmp, 0, { type: 'EXIF', data: exif });
  return encodeChunks(chunks);
}

/** Flags, 24 reserved bits, width - 1 and height - 1 in 24 bits each. */
function extendedHeader(image: Chunk | undefined): Uint8Array {
  const { width, height, alpha } = imageHeader(image);
  const data = new Uint8Array(10);
  data[0] = EXIF_FLAG | (alpha ? ALPHA_FLAG : 0);
  for (let i = 0; i < 3; i++) {
    data[4 + i] = (width - 1) >> (8 * i);
    data[7 + i] = (height - 1) >> (8 * i);
  }
  return data;
}

/** Size from the first bytes of a lossy (RFC 6386 section 9.1) or lossless (RFC 9649 section 3.4) bitstream. */
function imageHeader(image: Chunk | undefined): { width: number; height: number; alpha: boolean } {
  const data = image?.data ?? new Uint8Array();
  const view = viewOf(data);
  if (image?.type === 'VP8 ' && data.length >= 10) {
    return { width: view.getUint16(6, true) & 0x3fff, height: view.getUint16(8, true) & 0x3fff, alpha: false };
  }
  if (image?.type === 'VP8L' && data.length >= 5 && data[0] === 0x2f) {
    const bits = view.getUint32(1, true);
    return { width: (bits & 0x3fff) + 1, height: ((bits >> 14) & 0x3fff) + 1, alpha: (bits & (1 << 28)) !== 0 };
  }
  throw malformed('its first chunk is no image');
}

function encodeChunks(chunks: readonly Chunk[]): Uint8Array {
  const parts = chunks.flatMap(({ type, data }) => {
    const header = new Uint8Array(8);
    header.set(encodeLatin1(type)!);
    new DataView(header.buffer).setUint32(4, data.length, true);
    return [header, data, new Uint8Array(data.length % 2)];
  });
  const out = concatBytes([encodeLatin1('RIFF\0\0\0\0WEBP')!, ...parts]);
  new DataView(out.buffer).setUint32(4, out.length - 8, true);
  return out;
}
