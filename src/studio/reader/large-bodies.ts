/**
 * Bodies of requests that are too large to be read on the way: they are written to files as they come, read by a
 * reader's process, and what the server holds of them is small. Their pictures stay files until somebody needs them.
 */

import { randomUUID } from 'node:crypto';
import { mkdir, open, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { DarkroomError, UserError } from '#core/errors';
import { diskError } from '../files/disk-error.ts';
import type { FormParts } from './bounded-form.ts';
import { parseJsonInTurns } from './bounded-json.ts';
import { ReaderPool } from './pool.ts';

/** A picture that came with a request, as a file for as long as the request is at work. */
export class UploadedFile {
  readonly file: string;
  /** That of all others is another. */
  readonly name: string;

  constructor(file: string, name: string) {
    this.file = file;
    this.name = name;
  }

  /** What stands for it where a text is expected; as long as no text is that a field takes. Made where it is needed. */
  get token(): string {
    return this.name + padding;
  }
}

/** A picture as it came: its bytes, or the file that they are in. */
export type Upload = Uint8Array | UploadedFile;

export interface LargeBody {
  /** JSON: the value. A form: its parts. */
  readonly value: unknown;
  /** Removes its files. */
  dispose(): Promise<void>;
}

export interface BodySource {
  readonly chunks: AsyncIterable<Uint8Array>;
  /** Of a form, its content type; undefined: JSON. */
  readonly form: string | undefined;
  /** Who sends it: an account and an address, each of which has a share. */
  readonly senders: readonly string[];
  readonly signal?: AbortSignal;
}

/** Bodies at once: of one sender, and of all. */
const mostOfSender = 16;
const mostAtOnce = 48;
/** Left for the database and for pictures that are being made. */
const leftFree = 128 * 2 ** 20;
/** Longer than any text that a field takes, so that none but a picture's takes it. */
const padding = '='.repeat(100_001);

export class LargeBodies {
  readonly #folder: string;
  readonly #readers = new ReaderPool();
  readonly #pictures = new Map<string, UploadedFile>();
  readonly #atWork = new Map<string, number>();
  #count = 0;

  /** @param folder for files of the moment */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** What a text in a body stands for; undefined when it stands for itself. */
  pictureOf(text: string): UploadedFile | undefined {
    return text.endsWith(padding) ? this.#pictures.get(text.slice(0, -padding.length)) : undefined;
  }

  /** @throws UserError `body.*`, `image.too-large`; DarkroomError `disk-full`, `disk.*` */
  async read(source: BodySource): Promise<LargeBody> {
    this.#begin(source.senders);
    const name = randomUUID();
    const file = join(this.#folder, `body-${name}`);
    const held: UploadedFile[] = [];
    const dispose = async () => {
      this.#end(source.senders);
      for (const picture of held) {
        this.#pictures.delete(picture.name);
        await rm(picture.file, { force: true });
      }
    };
    try {
      await this.#receive(file, source.chunks);
      return { value: await this.#parse(file, name, source, held), dispose };
    } catch (error) {
      await dispose();
      throw error;
    } finally {
      await rm(file, { force: true });
    }
  }

  dispose(): void {
    this.#readers.dispose();
  }

  async #receive(file: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    try {
      await mkdir(this.#folder, { recursive: true });
      const { bavail, bsize } = await statfs(this.#folder);
      if (bavail * bsize < leftFree) throw fullDisk(this.#folder);
      const handle = await open(file, 'wx');
      try {
        for await (const chunk of chunks) await handle.write(chunk);
      } finally {
        await handle.close();
      }
    } catch (error) {
      throw diskError(error, file);
    }
  }

  async #parse(
    file: string,
    name: string,
    { form, senders, signal }: BodySource,
    held: UploadedFile[],
  ): Promise<unknown> {
    const mark = `upload:${name}:`;
    const into = join(this.#folder, `upload-${name}-`);
    const asker = { caller: { name: senders[0] ?? '' }, signal };
    const order = { file, form, into, mark };
    const read = await this.#readers.read('body', order, asker, { name: 'The body' }).catch(asUserError);
    for (let i = 0; i < read.pictures; i++) {
      const picture = new UploadedFile(`${into}${i}`, `${mark}${i}:`);
      held.push(picture);
      this.#pictures.set(picture.name, picture);
    }
    const value = await parseJsonInTurns(Buffer.from(read.json));
    if (form === undefined) return withTokens(value, mark, held);
    const files = new Map<string, UploadedFile[]>();
    for (const [field, number] of read.files) files.set(field, [...(files.get(field) ?? []), held[number]!]);
    const fields = new Map(Object.entries(value as Record<string, string[]>));
    return { fields, files } satisfies FormParts<Upload>;
  }

  #begin(senders: readonly string[]): void {
    const busy = senders.find((sender) => (this.#atWork.get(sender) ?? 0) >= mostOfSender);
    if (busy !== undefined || this.#count >= mostAtOnce) {
      const most = `${mostOfSender} of one account or address, ${mostAtOnce} of all`;
      throw new UserError('body.busy', `Too many large requests at once (${most}); send them one after the other.`);
    }
    this.#count++;
    for (const sender of senders) this.#atWork.set(sender, (this.#atWork.get(sender) ?? 0) + 1);
  }

  #end(senders: readonly string[]): void {
    this.#count--;
    for (const sender of senders) {
      const left = this.#atWork.get(sender)! - 1;
      if (left === 0) this.#atWork.delete(sender);
      else this.#atWork.set(sender, left);
    }
  }
}

/** Texts that stand for pictures in the place of their marks. No deeper than a stack is: the parser saw to it. */
function withTokens(value: unknown, mark: string, pictures: readonly UploadedFile[]): unknown {
  if (pictures.length === 0) return value;
  if (typeof value === 'string')
    return value.startsWith(mark) ? (pictures[Number(value.slice(mark.length))]?.token ?? value) : value;
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((each) => withTokens(each, mark, pictures));
  // Entries made anew, so that a field called __proto__ stays a field.
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, withTokens(each, mark, pictures)]));
}

function asUserError(error: unknown): never {
  if (!(error instanceof DarkroomError && error.code === 'reader.left-alone')) throw error;
  throw new UserError('body.left-alone', error.message, { cause: error });
}

function fullDisk(folder: string): DarkroomError {
  return new DarkroomError('disk-full', `${folder}: the disk is full; free some space and try again.`);
}
