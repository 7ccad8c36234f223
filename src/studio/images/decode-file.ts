/** A picture file as pixels in another file. Pictures come from anywhere: run it in a reader's process (`reader/tasks.ts`). */

import { readFile, stat, writeFile } from 'node:fs/promises';
import { UserError } from '#core/errors';
import type { PixelImage } from '#core/image';
import { decodeImage, largestFile } from './codec.ts';

export interface DecodeOrder {
  readonly file: string;
  /** File to write [height, width, channels] bytes to: they are too many to be handed over in a message. */
  readonly into: string;
}

export interface DecodedFile extends Pick<PixelImage, 'width' | 'height' | 'channels'> {
  /** The settings inside it, whichever program wrote them. */
  readonly infotext: string | undefined;
}

/** @throws UserError `picture.unreadable`, `image.*` */
export async function decodeFile({ file, into }: DecodeOrder): Promise<DecodedFile> {
  const { image, infotext } = await decodeImage(await read(file));
  await writeFile(into, image.data);
  const { width, height, channels } = image;
  return { width, height, channels, infotext };
}

async function read(file: string): Promise<Uint8Array> {
  try {
    const found = await stat(file);
    // A device has no end.
    if (!found.isFile()) throw new UserError('picture.unreadable', 'it is no file.');
    const { size } = found;
    if (size <= largestFile) return await readFile(file);
    throw new UserError('image.too-large', `The picture has ${size} bytes; at most ${largestFile} are read.`);
  } catch (cause) {
    if (cause instanceof UserError) throw cause;
    const { code, message } = cause as NodeJS.ErrnoException;
    throw new UserError('picture.unreadable', `${code === 'ENOENT' ? 'there is no such file' : message}.`, { cause });
  }
}
