/**
 * Bytes in the order in which CLIP's vocabulary numbers them: first those with a printable Latin-1 glyph, then the rest.
 *
 * Token id i < 256 stands for byte `CLIP_BYTE_ORDER[i]` inside a word, id 256 + i for the same byte at a word's end.
 * Source: OpenAI CLIP, simple_tokenizer.py, bytes_to_unicode.
 */

function byteRange(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

export const CLIP_BYTE_ORDER: readonly number[] = [
  ...byteRange(0x21, 0x7e),
  ...byteRange(0xa1, 0xac),
  ...byteRange(0xae, 0xff),
  ...byteRange(0x00, 0x20),
  ...byteRange(0x7f, 0xa0),
  0xad,
];
