/**
 * The EXIF block of JPEG files: the APP1 segment that begins with `Exif\0\0` (JEITA CP-3451 section 4.7.2; segments
 * by ITU-T T.81 annex B), their XMP packet (ISO 16684-3 section 6), and their comments. Pixels are never decoded.
 */

import { concatBytes } from './bytes.ts';
import { EXIF_PREFIX } from './exif.ts';
import { FormatError } from './format-error.ts';
import { decodeLoosely, encodeLatin1 } from './text.ts';

const SOI = 0xd8;
const SOS = 0xda;
const EOI = 0xd9;
const APP0 = 0xe0;
const APP1 = 0xe1;
const COM = 0xfe;
/** The length field of a segment counts itself and has 16 bits. */
const MAX_EXIF_BYTES = 0xffff - 2 - 6;

interface Segment {
  readonly marker: number;
  /** Without marker and length. */
  readonly data: Uint8Array;
  readonly start: number;
  readonly end: number;
}

export function isJpeg(bytes: Uint8Array): boolean {
  return bytes[0] === 0xff && bytes[1] === SOI && bytes[2] === 0xff;
}

/** The segments between the start of the image and its first scan. Throws `jpeg.malformed`. */
function* segments(bytes: Uint8Array): Generator<Segment, void, undefined> {
  if (!isJpeg(bytes)) throw new FormatError('jpeg.malformed', 'not a JPEG file: it does not begin with an SOI marker');
  for (let start = 2; ; ) {
    let at = start;
    // Any number of 0xFF bytes may precede a marker.
    while (bytes[at] === 0xff && bytes[at + 1] === 0xff) at++;
    const marker = bytes[at + 1];
    if (bytes[at] !== 0xff || marker === undefined) {
      throw new FormatError('jpeg.malformed', `malformed JPEG file: expected a marker at byte ${at}`);
    }
    if (marker === SOS || marker === EOI) return;
    const length = bytes[at + 2] === undefined ? 0 : bytes[at + 2]! * 256 + (bytes[at + 3] ?? 0);
    const end = at + 2 + length;
    if (length < 2 || end > bytes.length) {
      throw new FormatError('jpeg.malformed', `malformed JPEG file: the segment at byte ${at} leaves the file`);
    }
    yield { marker, data: bytes.subarray(at + 4, end), start, end };
    start = end;
  }
}

function isExif({ marker, data }: Segment): boolean {
  return marker === APP1 && EXIF_PREFIX.every((b, i) => data[i] === b);
}

/** The TIFF structure of the file's EXIF block, or undefined. Throws `jpeg.malformed`. */
export function readJpegExif(bytes: Uint8Array): Uint8Array | undefined {
  for (const segment of segments(bytes)) if (isExif(segment)) return segment.data.subarray(6);
  return undefined;
}

const XMP_PREFIX = encodeLatin1('http://ns.adobe.com/xap/1.0/\0')!;

/** The file's XMP packet, or undefined. Throws `jpeg.malformed`. */
export function readJpegXmp(bytes: Uint8Array): Uint8Array | undefined {
  for (const { marker, data } of segments(bytes)) {
    if (marker === APP1 && XMP_PREFIX.every((b, i) => data[i] === b)) return data.subarray(XMP_PREFIX.length);
  }
  return undefined;
}

/** The first comment (COM segment), or undefined. Throws `jpeg.malformed`. */
export function readJpegComment(bytes: Uint8Array): string | undefined {
  for (const { marker, data } of segments(bytes)) if (marker === COM) return decodeLoosely(data);
  return undefined;
}

/**
 * The file with the TIFF structure `exif` as its only EXIF block, right after the JFIF header where there is one.
 * Throws `jpeg.malformed`, or `jpeg.exif-too-large` beyond 65527 bytes, which no segment can hold.
 */
export function setJpegExif(bytes: Uint8Array, exif: Uint8Array): Uint8Array {
  if (exif.length > MAX_EXIF_BYTES) {
    throw new FormatError(
      'jpeg.exif-too-large',
      `a JPEG file holds at most ${MAX_EXIF_BYTES} bytes of EXIF, got ${exif.length}; save as PNG or WebP`,
    );
  }
  const header = Uint8Array.of(0xff, APP1, (exif.length + 8) >> 8, (exif.length + 8) & 255);
  const added = concatBytes([header, EXIF_PREFIX, exif]);
  const leading: Uint8Array[] = [];
  const others: Uint8Array[] = [];
  let end = 2;
  for (const segment of segments(bytes)) {
    end = segment.end;
    if (isExif(segment)) continue;
    const target = segment.marker === APP0 && others.length === 0 ? leading : others;
    target.push(bytes.subarray(segment.start, segment.end));
  }
  return concatBytes([bytes.subarray(0, 2), ...leading, added, ...others, bytes.subarray(end)]);
}
