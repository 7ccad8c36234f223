/** Every text inside a picture that somebody brought. Run it in a reader's process (`reader/tasks.ts`). */

import { isPng, readPngTexts } from '#formats/png-text';
import { parseInfotext } from '#prompt/infotext';
import { readPlainFile } from '../files/plain-file.ts';
import { readAnyInfotext } from './any-infotext.ts';
import { readImageHeader } from './codec.ts';

export interface PictureTexts {
  /** Parameters text; undefined when there is none. */
  readonly infotext: string | undefined;
  /** What the parameters text says, by A1111's keys. */
  readonly parameters: Readonly<Record<string, unknown>>;
  /** Other texts of a PNG, by keyword. */
  readonly others: Readonly<Record<string, string>>;
}

/** Its pixels, of which there may be too many, stay as they are. */
const anySize = { maxPixels: Number.POSITIVE_INFINITY, maxSide: Number.POSITIVE_INFINITY };

/** @throws UserError `image.*` for a file that is no picture */
export async function readPictureTexts(file: string): Promise<PictureTexts> {
  const bytes = await readPlainFile(file);
  const { format } = await readImageHeader(bytes, anySize);
  const infotext = await readAnyInfotext(bytes, format);
  const parameters = infotext === undefined ? {} : { ...parseInfotext(infotext) };
  return { infotext, parameters, others: await otherTexts(bytes) };
}

async function otherTexts(bytes: Uint8Array): Promise<Record<string, string>> {
  try {
    const texts = isPng(bytes) ? await readPngTexts(bytes) : [];
    return Object.fromEntries(texts.filter(({ keyword }) => keyword !== 'parameters').map((t) => [t.keyword, t.text]));
  } catch {
    // Damaged beyond its picture.
    return {};
  }
}
