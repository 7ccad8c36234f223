/** Text files of any editor: UTF-8 with or without a mark, UTF-16, and what is none of them as Latin-1. */

export interface DecodedText {
  readonly text: string;
  readonly encoding: 'utf-8' | 'utf-16' | 'latin-1' | 'binary';
}

export function decodeText(bytes: Uint8Array): DecodedText {
  const [first, second] = bytes;
  if (first === 0xff && second === 0xfe) return { text: decoded('utf-16le', bytes), encoding: 'utf-16' };
  if (first === 0xfe && second === 0xff) return { text: decoded('utf-16be', bytes), encoding: 'utf-16' };
  if (bytes.includes(0)) return { text: '', encoding: 'binary' };
  try {
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(bytes), encoding: 'utf-8' };
  } catch {
    return { text: decoded('latin1', bytes), encoding: 'latin-1' };
  }
}

const decoded = (encoding: string, bytes: Uint8Array): string => new TextDecoder(encoding).decode(bytes);
