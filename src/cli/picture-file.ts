/**
 * Pictures that commands are given as files. They may come from anywhere, so a reader's process decodes them, as the
 * server has it: one that takes too long or too much is left alone, and the command says so or goes on with the next.
 */

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DarkroomError, UserError } from '#core/errors';
import type { PixelImage } from '#core/image';
import type { ReaderHost } from '#studio/reader/host';

export interface PictureFile {
  readonly image: PixelImage;
  /** The settings inside it, whichever program wrote them. */
  readonly infotext: string | undefined;
}

/** Started with the first picture, and for all of a command. */
let reader: Promise<ReaderHost> | undefined;

/** @param flag that names the file; none for an argument. @throws UserError `picture.*`, `image.*` */
export async function readPictureFile(file: string, flag?: string): Promise<PictureFile> {
  const name = `${flag === undefined ? '' : `${flag} `}${JSON.stringify(file)}`;
  reader ??= import('#studio/reader/host').then(({ ReaderHost }) => new ReaderHost());
  const host = await reader;
  const folder = await mkdtemp(path.join(tmpdir(), 'darkroom-picture-'));
  try {
    const order = { file: path.resolve(file), into: path.join(folder, 'pixels') };
    const { infotext, ...size } = await host.read('decode', order, { name });
    return { image: { ...size, data: new Uint8Array(await readFile(order.into)) }, infotext };
  } catch (cause) {
    if (cause instanceof UserError) throw new UserError(cause.code, `${name}: ${cause.message}`, { cause });
    if (!(cause instanceof DarkroomError && cause.code === 'reader.left-alone')) throw cause;
    throw new UserError('picture.left-alone', cause.message, { cause });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
