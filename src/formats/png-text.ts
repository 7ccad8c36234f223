/**
 * Text in PNG files: tEXt, zTXt and iTXt chunks (PNG specification, third edition, section 11.3.3).
 *
 * Generators of pictures keep their settings ("infotext") under the keyword `parameters`: as tEXt when Latin-1 can
 * hold it, otherwise as iTXt. Pixels are never decoded.
 */

import { concatBytes, viewOf } from './bytes.ts';
import { crc32 } from './crc32.ts';
import { FormatError } from './format-error.ts';
import { inflateZlib } from './inflate.ts';
import { decodeEither, decodeLatin1, decodeUtf8, encodeLatin1, encodeUtf8 } from './text.ts';

/** Longer texts are skipped by the reader, and those that would make more than so much in all. */
export const MAX_TEXT_BYTES = 2 ** 20;
const MAX_TEXTS_BYTES = 4 * MAX_TEXT_BYTES;
/** So much of compressed text is unpacked in all; a megabyte of empty blocks takes long and yields nothing. */
const MAX_COMPRESSED_BYTES = 2 ** 17;

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

export interface PngChunk {
  /** Four letters, e.g. `IHDR`. */
  readonly type: string;
  /** A view into the file. */
  readonly data: Uint8Array;
  /** Where the chunk begins (its length field), and where the next one does. */
  readonly start: number;
  readonly end: number;
}

export interface PngText {
  readonly chunk: 'tEXt' | 'zTXt' | 'iTXt';
  readonly keyword: string;
  readonly text: string;
}

export function isPng(bytes: Uint8Array): boolean {
  return SIGNATURE.every((b, i) => bytes[i] === b);
}

/**
 * Walks the chunks up to and including IEND. Throws `png.malformed`, `png.truncated` or `png.crc`.
 *
 * @param checked the types whose checksums are verified; all when left out
 */
export function* pngChunks(
  bytes: Uint8Array,
  checked?: (type: string) => boolean,
): Generator<PngChunk, void, undefined> {
  if (!isPng(bytes))
    throw new FormatError('png.malformed', 'not a PNG file: its first 8 bytes are not the PNG signature');
  const view = viewOf(bytes);
  for (let start = 8; ; ) {
    const left = bytes.length - start;
    const length = left >= 12 ? view.getUint32(start) : 0;
    if (left < 12 + length) {
      throw new FormatError(
        'png.truncated',
        `the PNG file ends inside a chunk: at byte ${start} it needs ${12 + length} bytes, ${left} are there`,
      );
    }
    const type = decodeLatin1(bytes.subarray(start + 4, start + 8));
    if (!/^[A-Za-z]{4}$/.test(type)) {
      throw new FormatError(
        'png.malformed',
        `malformed PNG file: ${JSON.stringify(type)} at byte ${start} is no chunk type`,
      );
    }
    const end = start + 12 + length;
    if (checked?.(type) ?? true) checkCrc(bytes, view, type, start, end);
    yield { type, data: bytes.subarray(start + 8, end - 4), start, end };
    if (type === 'IEND') return;
    start = end;
  }
}

function checkCrc(bytes: Uint8Array, view: DataView, type: string, start: number, end: number): void {
  const stored = view.getUint32(end - 4);
  const computed = crc32(bytes.subarray(start + 4, end - 4));
  if (stored === computed) return;
  const hex = (n: number): string => n.toString(16).padStart(8, '0');
  const message = `the PNG file is damaged: chunk ${type} at byte ${start} has CRC ${hex(stored)}, expected ${hex(computed)}`;
  throw new FormatError('png.crc', message);
}

/**
 * Texts in order, before and after the pixels; only those under the keywords `wanted` are looked at where it is given.
 * Malformed text chunks and texts beyond the limits are skipped, and so is what follows damage behind a text or
 * in the pixels. Throws as `pngChunks` for damage before them; checksums of other chunks are not verified.
 */
export async function readPngTexts(bytes: Uint8Array, wanted?: readonly string[]): Promise<PngText[]> {
  const texts: PngText[] = [];
  const budget: Budget = { bytes: MAX_TEXTS_BYTES, compressed: MAX_COMPRESSED_BYTES };
  let inPixels = false;
  try {
    for (const { type, data } of pngChunks(bytes, isTextType)) {
      inPixels ||= type === 'IDAT';
      if (!isTextType(type) || (wanted && !wanted.includes(keywordOf(data) ?? ''))) continue;
      const text = await parseText(type, data, budget);
      if (text) texts.push(text);
    }
  } catch (error) {
    if (!inPixels && texts.length === 0) throw error;
  }
  return texts;
}

/** Width and height in pixels. Throws as `pngChunks`. */
export function pngSize(bytes: Uint8Array): { readonly width: number; readonly height: number } | undefined {
  const [{ type, data } = { type: '', data: bytes }] = pngChunks(bytes);
  if (type !== 'IHDR' || data.length < 8) return undefined;
  const view = viewOf(data);
  return { width: view.getUint32(0), height: view.getUint32(4) };
}

/**
 * The file with `text` under `keyword`, before the pixels; earlier texts of that keyword are removed and all other
 * chunks are kept byte for byte. A NUL, which PNG text cannot hold, becomes U+FFFD. An undefined text only removes.
 */
export function setPngText(bytes: Uint8Array, keyword: string, text: string | undefined): Uint8Array {
  checkKeyword(keyword);
  const parts: Uint8Array[] = [bytes.subarray(0, 8)];
  const added = text === undefined ? undefined : encodeTextChunk(keyword, text.replaceAll('\0', '\ufffd'));
  let pending = added;
  for (const { type, data, start, end } of pngChunks(bytes)) {
    if (isTextType(type) && keywordOf(data) === keyword) continue;
    if (pending && (type === 'IDAT' || type === 'IEND')) {
      parts.push(pending);
      pending = undefined;
    }
    parts.push(bytes.subarray(start, end));
  }
  return concatBytes(parts);
}

function isTextType(type: string): type is PngText['chunk'] {
  return type === 'tEXt' || type === 'zTXt' || type === 'iTXt';
}

/** What may still be unpacked of one file. */
interface Budget {
  bytes: number;
  compressed: number;
}

/** A keyword has at most 79 bytes; more are not searched. */
function keywordOf(data: Uint8Array): string | undefined {
  const end = data.subarray(0, 80).indexOf(0);
  return end < 0 ? undefined : decodeLatin1(data.subarray(0, end));
}

async function parseText(chunk: PngText['chunk'], data: Uint8Array, budget: Budget): Promise<PngText | undefined> {
  const keyword = keywordOf(data);
  if (keyword === undefined) return undefined;
  const rest = data.subarray(keyword.length + 1);
  const bytes = await (chunk === 'iTXt' ? internationalBytes(rest, budget) : latin1Bytes(chunk, rest, budget));
  if (!bytes || bytes.length > Math.min(MAX_TEXT_BYTES, budget.bytes)) return undefined;
  budget.bytes -= bytes.length;
  const text = chunk === 'iTXt' ? decodeUtf8(bytes) : decodeEither(bytes);
  // Programs put UTF-8 into chunks that are Latin-1 by the specification; ours says so with an iTXt chunk.
  return text === undefined ? undefined : { chunk, keyword, text };
}

type Unpacked = Uint8Array | undefined | Promise<Uint8Array | undefined>;

function latin1Bytes(type: 'tEXt' | 'zTXt', rest: Uint8Array, budget: Budget): Unpacked {
  return type === 'zTXt' ? decompress(rest[0], rest.subarray(1), budget) : rest;
}

/** Compression flag, compression method, language tag NUL, translated keyword NUL, text. */
function internationalBytes(rest: Uint8Array, budget: Budget): Unpacked {
  const [compressed, method] = rest;
  const language = rest.indexOf(0, 2);
  const translated = language < 0 ? -1 : rest.indexOf(0, language + 1);
  if (translated < 0) return undefined;
  const body = rest.subarray(translated + 1);
  return compressed === 1 ? decompress(method, body, budget) : body;
}

async function decompress(
  method: number | undefined,
  body: Uint8Array,
  budget: Budget,
): Promise<Uint8Array | undefined> {
  if (method !== 0 || body.length > budget.compressed) return undefined;
  budget.compressed -= body.length;
  const limit = Math.min(MAX_TEXT_BYTES, budget.bytes);
  try {
    return await inflateZlib(body, limit);
  } catch {
    // A damaged or oversized text must not keep the picture from being read; what was unpacked of it counts.
    budget.bytes -= limit;
    return undefined;
  }
}

function encodeTextChunk(keyword: string, text: string): Uint8Array {
  const key = encodeLatin1(keyword)!;
  const latin1 = encodeLatin1(text);
  // Letters that would read as UTF-8 must not stand in a chunk of Latin-1: readers, this one among them, would guess.
  if (latin1 && (decodeUtf8(latin1) ?? text) === text) return encodeChunk('tEXt', [key, Uint8Array.of(0), latin1]);
  return encodeChunk('iTXt', [key, new Uint8Array(5), encodeUtf8(text)]);
}

function encodeChunk(type: string, parts: readonly Uint8Array[]): Uint8Array {
  const body = concatBytes([encodeLatin1(type)!, ...parts]);
  const out = new Uint8Array(body.length + 8);
  const view = new DataView(out.buffer);
  view.setUint32(0, body.length - 4);
  out.set(body, 4);
  view.setUint32(out.length - 4, crc32(body));
  return out;
}

function checkKeyword(keyword: string): void {
  // Printable Latin-1 without leading, trailing or doubled spaces.
  const printable = /^[\x21-\x7e\xa1-\xff]+(?: [\x21-\x7e\xa1-\xff]+)*$/.test(keyword);
  if (!printable || keyword.length > 79) {
    throw new FormatError(
      'png.keyword',
      `${JSON.stringify(keyword)} is no PNG text keyword: expected 1 to 79 printable Latin-1 characters`,
    );
  }
}
