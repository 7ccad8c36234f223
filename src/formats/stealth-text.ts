/**
 * Text hidden in a picture's lowest bits, column by column: one bit of each pixel's alpha, or three of its colours. First
 * a word of 15 letters that says where and whether it is packed, then its length in bits (32, big endian), then the text,
 * as UTF-8 or as gzip of it. NovelAI, SwarmUI and the web UI's extension stealth-pnginfo write it, so that settings outlast
 * services that strip texts. Source: ashen-sensored/sd_webui_stealth_pnginfo. Left out: writing it.
 */

import type { PixelImage } from '#core/image';
import { inflateGzip } from './inflate.ts';
import { MAX_TEXT_BYTES } from './png-text.ts';
import { decodeLatin1, decodeUtf8 } from './text.ts';

const wordBytes = 15;

/** Undefined for a picture without one, or with one that is damaged or too long. */
export async function readStealthText(image: PixelImage): Promise<string | undefined> {
  for (const place of ['png', 'rgb'] as const) {
    const bits = bitsOf(image, place);
    const word = bits && decodeLatin1(bits(0, wordBytes));
    if (!bits || !word || !new RegExp(`^stealth_${place}(info|comp)$`).test(word)) continue;
    const length = bits(wordBytes, 4).reduce((sum, byte) => sum * 256 + byte, 0) / 8;
    if (!Number.isInteger(length) || length > MAX_TEXT_BYTES) return undefined;
    const stored = bits(wordBytes + 4, length);
    const bytes = word.endsWith('comp') ? await inflateGzip(stored, MAX_TEXT_BYTES).catch(() => undefined) : stored;
    return bytes && decodeUtf8(bytes);
  }
  return undefined;
}

/** Reads bytes by position from the lowest bits; `png`: of alpha, which not every picture has. */
function bitsOf({ width, height, channels, data }: PixelImage, place: 'png' | 'rgb') {
  if (channels < (place === 'png' ? 4 : 3)) return undefined;
  const [first, each] = place === 'png' ? [3, 1] : [0, 3];
  const bit = (at: number): number => {
    const pixel = Math.floor(at / each);
    const [x, y] = [Math.floor(pixel / height), pixel % height];
    return x < width ? data[(y * width + x) * channels + first + (at % each)]! & 1 : 0;
  };
  return (start: number, length: number): Uint8Array => {
    const room = Math.floor((width * height * each) / 8);
    const out = new Uint8Array(Math.max(0, Math.min(length, room - start)));
    for (let i = 0; i < out.length * 8; i++) out[i >> 3] = (out[i >> 3]! << 1) | bit(start * 8 + i);
    return out;
  };
}
