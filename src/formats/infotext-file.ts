/**
 * Texts in picture files. Infotext (the settings of a generated picture, one text) is where A1111 and its relatives
 * keep it: PNG under the keyword `parameters`, JPEG, WebP and AVIF in the EXIF field UserComment, GIF and JPEG as a
 * comment. Other programs' texts are given by their keywords.
 */

import { UserError } from '#core/errors';
import { isAvif, readAvifExif } from './avif-exif.ts';
import { buildExifUserComment, readExifMakeAndModel, readExifUserComment } from './exif.ts';
import { isGif, readGifComment } from './gif-comment.ts';
import { isJpeg, readJpegComment, readJpegExif, readJpegXmp, setJpegExif } from './jpeg-exif.ts';
import { isPng, type PngText, pngChunks, readPngTexts, setPngText } from './png-text.ts';
import { decodeLoosely } from './text.ts';
import { isWebp, readWebpExif, readWebpXmp, setWebpExif } from './webp-exif.ts';

const KEYWORD = 'parameters';
/** Of an XMP packet in PNG files. */
const XMP_KEYWORD = 'XML:com.adobe.xmp';
/** Longer packets hold other things than settings. */
const MAX_XMP_BYTES = 2 ** 20;

interface PictureForm {
  readonly is: (picture: Uint8Array) => boolean;
  readonly texts?: (picture: Uint8Array, wanted: readonly string[]) => Promise<readonly PngText[]>;
  /** The TIFF structure of its EXIF block, with or without `Exif\0\0`. */
  readonly exif?: (picture: Uint8Array) => Uint8Array | undefined;
  readonly xmp?: (picture: Uint8Array) => Uint8Array | undefined;
  readonly comment?: (picture: Uint8Array) => string | undefined;
  readonly embed?: (picture: Uint8Array, infotext: string) => Uint8Array;
}

const inExif = (set: typeof setJpegExif) => (picture: Uint8Array, infotext: string) =>
  set(picture, buildExifUserComment(infotext));

const forms: readonly PictureForm[] = [
  { is: isPng, texts: readPngTexts, exif: readPngExif, embed: (png, text) => setPngText(png, KEYWORD, text) },
  { is: isJpeg, exif: readJpegExif, xmp: readJpegXmp, comment: readJpegComment, embed: inExif(setJpegExif) },
  { is: isWebp, exif: readWebpExif, xmp: readWebpXmp, embed: inExif(setWebpExif) },
  { is: isAvif, exif: readAvifExif },
  { is: isGif, comment: readGifComment },
];

/**
 * The infotext of a PNG, JPEG, WebP, AVIF or GIF file; undefined when it has none. Throws `picture.unsupported`.
 * @internal For tests and benchmarks.
 */
export async function readInfotext(picture: Uint8Array): Promise<string | undefined> {
  return (await readPictureTexts(picture, [])).get(KEYWORD);
}

/**
 * The texts under the keywords `wanted` and, as `parameters`, the infotext. ComfyUI puts `prompt:` or `workflow:` and
 * its text into the EXIF fields Make and Model, which then count as keywords; an XMP packet of any format has PNG's
 * keyword for it. Throws `picture.unsupported`, and what
 * the file's format throws.
 */
export async function readPictureTexts(picture: Uint8Array, wanted: readonly string[]): Promise<Map<string, string>> {
  const form = formOf(picture);
  const found = new Map<string, string>();
  const texts = (await form.texts?.(picture, [KEYWORD, ...wanted])) ?? [];
  for (const { keyword, text } of texts) found.set(keyword, text);
  const exif = found.has(KEYWORD) ? undefined : form.exif?.(picture);
  if (exif) addExif(found, exif, wanted);
  const xmp = wanted.includes(XMP_KEYWORD) ? form.xmp?.(picture) : undefined;
  if (xmp && xmp.length <= MAX_XMP_BYTES) found.set(XMP_KEYWORD, decodeLoosely(xmp));
  const comment = found.has(KEYWORD) ? undefined : form.comment?.(picture);
  if (comment) found.set(KEYWORD, comment);
  return found;
}

function addExif(found: Map<string, string>, exif: Uint8Array, wanted: readonly string[]): void {
  const comment = readExifUserComment(exif);
  if (comment !== undefined) found.set(KEYWORD, comment);
  for (const text of readExifMakeAndModel(exif)) {
    const keyword = text.slice(0, Math.max(0, text.slice(0, 80).indexOf(':')));
    if (wanted.includes(keyword) && !found.has(keyword)) found.set(keyword, text.slice(keyword.length + 1));
  }
}

/** The picture with `infotext` in place of what it had. Throws `picture.unsupported`, and what its format throws. */
export function embedInfotext(picture: Uint8Array, infotext: string): Uint8Array {
  const { embed } = formOf(picture);
  if (!embed) throw unsupported('kept in PNG, JPEG and WebP files');
  return embed(picture, infotext);
}

function formOf(picture: Uint8Array): PictureForm {
  const form = forms.find(({ is }) => is(picture));
  if (!form) throw unsupported('read from PNG, JPEG, WebP, AVIF and GIF files');
  return form;
}

function readPngExif(png: Uint8Array): Uint8Array | undefined {
  for (const { type, data } of pngChunks(png, (checked) => checked === 'eXIf')) if (type === 'eXIf') return data;
  return undefined;
}

function unsupported(where: string): UserError {
  return new UserError('picture.unsupported', `infotext can be ${where}; this is none of them`);
}
