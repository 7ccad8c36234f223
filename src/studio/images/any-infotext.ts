/** Settings of a picture wherever they are: beside its pixels, or hidden in them. */

import { readStealthText } from '#formats/stealth-text';
import { parseObject } from '#prompt/foreign/dialect';
import { foreignKeywords } from '#prompt/foreign/index';
import { decodePixels } from './codec.ts';
import { infotextOf, readInfotext } from './read-infotext.ts';

/**
 * As `readInfotext`, and where there is none the text hidden in the pixels, for which they are decoded: for pictures
 * that somebody asks about, in a reader's process. Only formats that keep every bit are looked into.
 */
export async function readAnyInfotext(bytes: Uint8Array, format: string): Promise<string | undefined> {
  const beside = await readInfotext(bytes);
  if (beside !== undefined || (format !== 'png' && format !== 'webp')) return beside;
  const image = await decodePixels(bytes)
    .then((decoded) => decoded.image)
    .catch(() => undefined);
  const hidden = image && (await readStealthText(image));
  if (!image || hidden === undefined) return undefined;
  return infotextOf(new Map([...textsWithin(hidden), ['parameters', hidden]]), image);
}

/** NovelAI hides all texts of its PNG files as one JSON. */
function textsWithin(hidden: string): [string, string][] {
  const found = Object.entries(parseObject(hidden) ?? {});
  return found.flatMap(([key, value]): [string, string][] => {
    if (!foreignKeywords.includes(key)) return [];
    return [[key, typeof value === 'string' ? value : JSON.stringify(value)]];
  });
}
