/**
 * Infotext (the settings of a generated picture, one text) in picture files, where A1111 and its relatives keep it:
 * PNG under the keyword `parameters`, JPEG and WebP in the EXIF field UserComment.
 */

import { UserError } from '#core/errors';
import { buildExifUserComment, readExifUserComment } from './exif.ts';
import { isJpeg, readJpegExif, setJpegExif } from './jpeg-exif.ts';
import { isPng, pngChunks, readPngText, setPngText } from './png-text.ts';
import { isWebp, readWebpExif, setWebpExif } from './webp-exif.ts';

const KEYWORD = 'parameters';

/** The infotext of a PNG, JPEG or WebP file; undefined when it has none. Throws `picture.unsupported` for others. */
export function readInfotext(picture: Uint8Array): string | undefined {
  const comment = (exif: Uint8Array | undefined): string | undefined => exif && readExifUserComment(exif);
  if (isPng(picture)) {
    const exif = (): Uint8Array | undefined => [...pngChunks(picture)].find((c) => c.type === 'eXIf')?.data;
    return readPngText(picture, KEYWORD) ?? comment(exif());
  }
  if (isJpeg(picture)) return comment(readJpegExif(picture));
  if (isWebp(picture)) return comment(readWebpExif(picture));
  throw unsupported();
}

/** The picture with `infotext` in place of what it had. Throws `picture.unsupported`, and what its format throws. */
export function embedInfotext(picture: Uint8Array, infotext: string): Uint8Array {
  if (isPng(picture)) return setPngText(picture, KEYWORD, infotext);
  if (isJpeg(picture)) return setJpegExif(picture, buildExifUserComment(infotext));
  if (isWebp(picture)) return setWebpExif(picture, buildExifUserComment(infotext));
  throw unsupported();
}

function unsupported(): UserError {
  return new UserError('picture.unsupported', 'infotext can be kept in PNG, JPEG and WebP files; this is none of them');
}
