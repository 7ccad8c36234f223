/**
 * Strict UTF-8 (The Unicode Standard 16.0, section 3.9, table 3-7): overlong forms, surrogates, values above U+10FFFF and
 * cut sequences are reported with their place, not replaced. Latin-1 beside it, for old fields.
 */

import { FormatError } from './format-error.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Encodes a string; a lone surrogate becomes U+FFFD. */
export function encodeUtf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/** Length of the well-formed sequence at `i`, or 0 if it is ill-formed. */
function sequenceLength(bytes: Uint8Array, i: number): number {
  const lead = bytes[i]!;
  if (lead < 0x80) return 1;
  const next = bytes[i + 1] ?? 0;
  const continues = (at: number): boolean => ((bytes[at] ?? 0) & 0xc0) === 0x80;
  if (lead >= 0xc2 && lead <= 0xdf) return continues(i + 1) ? 2 : 0;
  if (lead >= 0xe0 && lead <= 0xef) {
    const low = lead === 0xe0 ? 0xa0 : 0x80;
    const high = lead === 0xed ? 0x9f : 0xbf;
    return next >= low && next <= high && continues(i + 2) ? 3 : 0;
  }
  if (lead >= 0xf0 && lead <= 0xf4) {
    const low = lead === 0xf0 ? 0x90 : 0x80;
    const high = lead === 0xf4 ? 0x8f : 0xbf;
    return next >= low && next <= high && continues(i + 2) && continues(i + 3) ? 4 : 0;
  }
  return 0;
}

/** Offset of the first ill-formed byte, or -1. */
export function invalidUtf8At(bytes: Uint8Array): number {
  for (let i = 0; i < bytes.length; ) {
    const length = sequenceLength(bytes, i);
    if (length === 0) return i;
    i += length;
  }
  return -1;
}

/** Decodes UTF-8; throws `utf8.invalid` with the byte offset. A byte order mark is kept as a character. */
export function decodeUtf8(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    const at = invalidUtf8At(bytes);
    const got = bytes[at]!.toString(16).padStart(2, '0');
    throw new FormatError('utf8.invalid', `expected UTF-8 text, got byte 0x${got} at offset ${at}`);
  }
}

/** One character a byte, U+0000 to U+00FF. */
export function decodeLatin1(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return text;
}

/** The Latin-1 bytes of a text, or undefined when a character lies beyond U+00FF. */
export function encodeLatin1(text: string): Uint8Array | undefined {
  const out = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c > 0xff) return undefined;
    out[i] = c;
  }
  return out;
}

/** Text of unknown encoding, as old fields hold it: UTF-8 where it is, otherwise Latin-1. NULs at the end are padding. */
export function decodeLoosely(bytes: Uint8Array): string {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end--;
  const text = bytes.subarray(0, end);
  return invalidUtf8At(text) < 0 ? decodeUtf8(text) : decodeLatin1(text);
}
