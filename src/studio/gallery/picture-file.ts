/** What a picture's file tells of it. Pictures come from anywhere: run it in a reader's process (`reader/tasks.ts`). */

import { stat } from 'node:fs/promises';
import { openPlainFile, readPlainFile } from '../files/plain-file.ts';
import { readImageHeader } from '../images/codec.ts';
import { readInfotext } from '../images/read-infotext.ts';
import { type InfotextFields, infotextFields } from './infotext-fields.ts';

export interface PictureFile {
  readonly format: string;
  readonly bytes: number;
  readonly width: number;
  readonly height: number;
  /** Milliseconds since 1970, whole. */
  readonly modifiedAt: number;
  readonly infotext: string;
  readonly fields: InfotextFields;
}

export type ReadPicture = (file: string) => Promise<PictureFile>;

/** @throws DarkroomError `image.*` for a file that is no picture */
export async function readPictureFile(file: string): Promise<PictureFile> {
  const { size, mtimeMs } = await stat(file);
  const { head, infotext = '' } = await readStart(file);
  const { format, width, height } = await readImageHeader(head, { maxBytes: Number.POSITIVE_INFINITY });
  const facts = { format, width, height, bytes: size, modifiedAt: Math.trunc(mtimeMs) };
  return { ...facts, infotext, fields: infotextFields(infotext) };
}

const startBytes = 2 ** 18;

/** As much of a file as its size and its infotext take: PNG and JPEG have them in front, WebP at the end. */
async function readStart(file: string): Promise<{ head: Uint8Array; infotext: string | undefined }> {
  const handle = await openPlainFile(file);
  try {
    const { buffer, bytesRead } = await handle.read(new Uint8Array(startBytes), 0, startBytes, 0);
    const head = buffer.subarray(0, bytesRead);
    const infotext = await readInfotext(head);
    if (infotext !== undefined || bytesRead < startBytes) return { head, infotext };
  } finally {
    await handle.close();
  }
  const whole = await readPlainFile(file, Number.POSITIVE_INFINITY);
  return { head: whole, infotext: await readInfotext(whole) };
}
