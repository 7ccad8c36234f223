/** Pictures that commands are given as files. */

import { readFile } from 'node:fs/promises';
import { UserError } from '#core/errors';
import type { PixelImage } from '#core/image';

export interface PictureFile {
  readonly image: PixelImage;
  /** The settings inside it, whichever program wrote them. */
  readonly infotext: string | undefined;
}

/** @param flag that names the file; none for an argument. @throws UserError `picture.unreadable`, `image.*` */
export async function readPictureFile(file: string, flag?: string): Promise<PictureFile> {
  const named = `${flag === undefined ? '' : `${flag} `}${JSON.stringify(file)}`;
  const bytes = await readFile(file).catch((cause: NodeJS.ErrnoException) => {
    const reason = cause.code === 'ENOENT' ? 'there is no such file' : cause.message;
    throw new UserError('picture.unreadable', `${named}: ${reason}.`, { cause });
  });
  // The codec is a native library: load it when there is something to decode.
  const { decodeImage } = await import('#studio/images/codec');
  const { readInfotext } = await import('#studio/images/read-infotext');
  try {
    return { image: (await decodeImage(bytes)).image, infotext: await readInfotext(bytes) };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(error.code, `${named}: ${error.message}`, { cause: error });
  }
}
