/**
 * A large body of a request, which may be anything, made into what is small of it and files: pictures come out of JSON
 * and forms as files of their own. Run it in a reader's process (`reader/tasks.ts`).
 */

import { readFile, writeFile } from 'node:fs/promises';
import { UserError } from '#core/errors';
import { parseForm } from './bounded-form.ts';
import { parseJson } from './bounded-json.ts';

export interface BodyOrder {
  readonly file: string;
  /** Of a form, its content type; undefined: JSON. */
  readonly form: string | undefined;
  /** How files are called that pictures are written to; a number follows. */
  readonly into: string;
  /** What stands for a picture in the JSON; its number follows. */
  readonly mark: string;
}

export interface BodyRead {
  /** The body, or a form's fields by name, as JSON. */
  readonly json: string;
  /** Files of a form: each its field's name and the number of its picture. */
  readonly files: readonly (readonly [field: string, picture: number])[];
  /** How many pictures were written. */
  readonly pictures: number;
}

/** Longer than any text that a field takes: a picture, or nothing of ours. */
const liftedFrom = 128 * 1024;
/** Of a body without its pictures, in characters. */
const mostText = 4 * 2 ** 20;
/** As for pictures that come by other ways. */
const largestPicture = 64 * 2 ** 20;

/** @throws UserError `body.*`, `image.too-large` */
export async function readBody(order: BodyOrder): Promise<BodyRead> {
  const bytes = await readFile(order.file);
  const pictures = new PictureFiles(order);
  if (order.form === undefined) {
    const json = textOf(await pictures.lift(parseJson(bytes)));
    return { json, files: [], pictures: pictures.count };
  }
  const { fields, files } = await parseForm(bytes, order.form);
  const numbered: [string, number][] = [];
  for (const [name, list] of files) for (const file of list) numbered.push([name, await pictures.write(file)]);
  return { json: textOf(Object.fromEntries(fields)), files: numbered, pictures: pictures.count };
}

function textOf(value: unknown): string {
  const json = JSON.stringify(value) ?? '';
  if (json.length <= mostText) return json;
  throw new UserError('body.too-large', `The body may have ${mostText} characters besides its pictures.`);
}

class PictureFiles {
  readonly #order: BodyOrder;
  count = 0;

  constructor(order: BodyOrder) {
    this.#order = order;
  }

  /** The value with marks in the place of pictures. It is no deeper than a stack is. */
  async lift(value: unknown): Promise<unknown> {
    if (typeof value === 'string' && value.length > liftedFrom) return await this.#lifted(value);
    if (typeof value !== 'object' || value === null) return value;
    const holder = value as Record<string, unknown>;
    for (const key of Object.keys(holder)) {
      const each = holder[key];
      if (typeof each === 'object' || (typeof each === 'string' && each.length > liftedFrom))
        Object.defineProperty(holder, key, { value: await this.lift(each), enumerable: true, writable: true });
    }
    return value;
  }

  async write(bytes: Uint8Array): Promise<number> {
    if (bytes.length > largestPicture)
      throw new UserError(
        'image.too-large',
        `The picture has ${bytes.length} bytes; at most ${largestPicture} are read.`,
      );
    await writeFile(`${this.#order.into}${this.count}`, bytes);
    return this.count++;
  }

  async #lifted(text: string): Promise<string> {
    const payload = /^data:[^,]{0,200},/i.test(text) ? text.slice(text.indexOf(',') + 1) : text;
    // Some encoders break lines; a text with spaces is no picture.
    const clean = /[\r\n]/.test(payload) ? payload.replaceAll(/[\r\n]+/g, '') : payload;
    if (!/^[A-Za-z0-9+/_-]*={0,2}$/.test(clean)) {
      const most = `A text may have ${liftedFrom} characters; only pictures as base64 may have more.`;
      throw new UserError('body.too-long', most);
    }
    return `${this.#order.mark}${await this.write(Buffer.from(clean, 'base64'))}`;
  }
}
