/**
 * The EXIF field UserComment (tag 0x9286; Exif 2.32, section 4.6.5), where JPEG, WebP and AVIF pictures keep infotext:
 * eight bytes of character code and then the text, for us `UNICODE\0` and UTF-16. Of the other fields only Make and
 * Model are read, where ComfyUI keeps its graph.
 */

import { viewOf } from './bytes.ts';
import { decodeLatin1, decodeLoosely, encodeLatin1 } from './text.ts';

const MAKE = 0x010f;
const MODEL = 0x0110;
const EXIF_IFD = 0x8769;
const USER_COMMENT = 0x9286;
const LONG = 4;
const UNDEFINED = 7;
/** What precedes the TIFF structure in JPEG, and in some WebP files. */
export const EXIF_PREFIX = encodeLatin1('Exif\0\0')!;

/**
 * A TIFF structure (big endian, without the `Exif\0\0` prefix of JPEG) that holds `text` as its UserComment in
 * UTF-16BE. Offsets: header 0, IFD0 8 (one entry), Exif IFD 26 (one entry), comment 44.
 */
export function buildExifUserComment(text: string): Uint8Array {
  const length = 8 + text.length * 2;
  const out = new Uint8Array(44 + length);
  const view = new DataView(out.buffer);
  const entry = (at: number, tag: number, type: number, count: number, value: number): void => {
    view.setUint16(at, 1);
    view.setUint16(at + 2, tag);
    view.setUint16(at + 4, type);
    view.setUint32(at + 6, count);
    view.setUint32(at + 10, value);
  };
  out.set(encodeLatin1('MM\0*')!);
  view.setUint32(4, 8);
  entry(8, EXIF_IFD, LONG, 1, 26);
  entry(26, USER_COMMENT, UNDEFINED, length, 44);
  out.set(encodeLatin1('UNICODE\0')!, 44);
  for (let i = 0; i < text.length; i++) view.setUint16(52 + i * 2, text.charCodeAt(i));
  return out;
}

/** The UserComment of an EXIF block, with or without `Exif\0\0` before it; undefined if absent or unreadable. */
export function readExifUserComment(bytes: Uint8Array): string | undefined {
  const comment = tiffOf(bytes).userComment();
  return comment && decodeComment(comment);
}

/** The texts of Make and Model, where they are. */
export function readExifMakeAndModel(bytes: Uint8Array): string[] {
  const tiff = tiffOf(bytes);
  return [MAKE, MODEL].flatMap((tag) => tiff.text(tag) ?? []);
}

function tiffOf(bytes: Uint8Array): TiffReader {
  const prefixed = EXIF_PREFIX.every((b, i) => bytes[i] === b);
  return new TiffReader(prefixed ? bytes.subarray(6) : bytes);
}

class TiffReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #little: boolean;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = viewOf(bytes);
    this.#little = bytes[0] === 0x49;
  }

  userComment(): Uint8Array | undefined {
    const ifd0 = this.#firstDirectory();
    const pointer = this.#find(ifd0, EXIF_IFD);
    const exif = pointer === undefined ? undefined : this.#u32(pointer + 8);
    return this.#value(this.#find(exif, USER_COMMENT) ?? this.#find(ifd0, USER_COMMENT));
  }

  text(tag: number): string | undefined {
    const value = this.#value(this.#find(this.#firstDirectory(), tag));
    return value && decodeLoosely(value);
  }

  #firstDirectory(): number | undefined {
    const mark = decodeLatin1(this.#bytes.subarray(0, 4));
    return mark === 'MM\0*' || mark === 'II*\0' ? this.#u32(4) : undefined;
  }

  /** The bytes that an entry points to; those of up to four, which stand in the entry itself, hold no text of use. */
  #value(at: number | undefined): Uint8Array | undefined {
    if (at === undefined) return undefined;
    const length = this.#u32(at + 4) ?? 0;
    const start = this.#u32(at + 8) ?? 0;
    const fits = length > 4 && start + length <= this.#bytes.length;
    return fits ? this.#bytes.subarray(start, start + length) : undefined;
  }

  /** Offset of the entry of `tag` in the directory at `ifd`. */
  #find(ifd: number | undefined, tag: number): number | undefined {
    const count = ifd === undefined ? 0 : (this.#u16(ifd) ?? 0);
    for (let i = 0; i < count; i++) {
      const at = ifd! + 2 + i * 12;
      if (at + 12 > this.#bytes.length) return undefined;
      if (this.#u16(at) === tag) return at;
    }
    return undefined;
  }

  #u16(at: number): number | undefined {
    return at + 2 <= this.#bytes.length ? this.#view.getUint16(at, this.#little) : undefined;
  }

  #u32(at: number): number | undefined {
    return at + 4 <= this.#bytes.length ? this.#view.getUint32(at, this.#little) : undefined;
  }
}

/** Many writers leave the character code out; then the text begins at once. */
function decodeComment(comment: Uint8Array): string | undefined {
  const code = decodeLatin1(comment.subarray(0, 8));
  const body = comment.subarray(8);
  if (code === 'UNICODE\0') return decodeUtf16(body);
  if (code === 'JIS\0\0\0\0\0') return undefined;
  return decodeLoosely(/^(ASCII\0{3}|\0{8})$/.test(code) ? body : comment);
}

/**
 * The standard lets the byte order follow the TIFF header, A1111 always writes big endian, others little endian: a
 * byte order mark decides, then where the zero bytes of the basic Latin letters are.
 */
function decodeUtf16(bytes: Uint8Array): string {
  const zeros: [even: number, odd: number] = [0, 0];
  for (let i = 0; i < bytes.length; i++) if (bytes[i] === 0) zeros[i % 2]!++;
  const mark = bytes.length >= 2 ? bytes[0]! * 256 + bytes[1]! : 0;
  const marked = mark === 0xfeff || mark === 0xfffe;
  const little = marked ? mark === 0xfffe : zeros[1] > zeros[0];
  let end = bytes.length & ~1;
  while (end >= 2 && bytes[end - 1] === 0 && bytes[end - 2] === 0) end -= 2;
  let text = '';
  for (let i = marked ? 2 : 0; i < end; i += 2) {
    text += String.fromCharCode(little ? bytes[i]! | (bytes[i + 1]! << 8) : (bytes[i]! << 8) | bytes[i + 1]!);
  }
  return text;
}
