/** The settings inside a picture file, whichever program made it, as infotext. */

import { samplers } from '#diffusion/samplers/index';
import { schedulers } from '#diffusion/schedules';
import { readPictureTexts } from '#formats/infotext-file';
import { isPng, pngSize } from '#formats/png-text';
import type { PictureSize } from '#prompt/foreign/dialect';
import { foreignInfotext, foreignKeywords } from '#prompt/foreign/index';
import { infotextInXmp, XMP_KEYWORD } from '#prompt/foreign/xmp';

/** The parameters text beside a picture's pixels, which are not decoded; undefined without one that can be read. */
export async function readInfotext(bytes: Uint8Array): Promise<string | undefined> {
  try {
    const texts = await readPictureTexts(bytes, foreignKeywords);
    return infotextOf(texts, isPng(bytes) ? pngSize(bytes) : undefined);
  } catch {
    // A damaged text must not keep its picture from being read.
    return undefined;
  }
}

/** What begins like JSON may be another program's; A1111's own text comes before all others. */
export function infotextOf(texts: ReadonlyMap<string, string>, size: PictureSize | undefined): string | undefined {
  const plain = texts.get('parameters') || undefined;
  if (plain !== undefined && !plain.startsWith('{')) return plain;
  return foreignInfotext(texts, size, labelOf) ?? plain ?? infotextInXmp(texts.get(XMP_KEYWORD));
}

const canonical = (name: string): string => name.toLowerCase().replace(/^k_|[\s_-]+/g, '');

/** Names of one row match with and without k-diffusion's prefix; an unknown one stays as it is. */
function labelOf(key: string, name: string): string {
  const rows = key === 'Sampler' ? samplers : schedulers;
  const wanted = canonical(name);
  return rows.find((row) => [row.name, ...row.aliases].some((known) => canonical(known) === wanted))?.name ?? name;
}
