/** Folders of pictures to train on that the studio keeps: each picture beside a text file with its caption. */

import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { UserError } from '#core/errors';
import { diskError, isMissing } from '../../files/disk-error.ts';
import { isSafeName, realPathInside } from '../../files/safe-path.ts';
import { writeWhole } from '../write-whole.ts';
import { decodeText } from './decode-text.ts';
import { isPicture, withoutExtension } from './picture-names.ts';
import { nearDuplicates, type ScannedPicture } from './scan.ts';

export interface DatasetPicture {
  readonly name: string;
  readonly caption?: string;
  readonly width?: number;
  readonly height?: number;
  /** Why it cannot be used. */
  readonly problem?: string;
}

export interface DatasetScan {
  readonly pictures: readonly DatasetPicture[];
  readonly report: {
    readonly count: number;
    readonly withoutCaption: readonly string[];
    readonly broken: readonly string[];
    readonly tiny: readonly string[];
    readonly nearDuplicates: readonly (readonly string[])[];
    readonly oddEncodings: readonly string[];
  };
}

/** Looks at a picture in a process of its own. */
export type ScanPicture = (file: string) => Promise<ScannedPicture>;

/** Smaller ones are enlarged for any model. */
const tinySide = 128;

export class Datasets {
  readonly #root: string;
  readonly #scanned = new Map<string, { stamp: string; scan: ScannedPicture | { problem: string } }>();

  constructor(root: string) {
    this.#root = root;
  }

  async list(): Promise<{ name: string; pictures: number }[]> {
    const names = await readdir(this.#root).catch((error: unknown) => {
      if (isMissing(error)) return [];
      throw error;
    });
    const folders = [];
    for (const name of names.filter(isSafeName).sort())
      folders.push({ name, pictures: (await this.#pictures(name)).length });
    return folders;
  }

  /** @throws UserError `dataset.name`, `dataset.exists` */
  async create(name: string): Promise<void> {
    if (!isSafeName(name)) throw new UserError('dataset.name', `${JSON.stringify(name)} is no name for a folder.`);
    try {
      await mkdir(this.#root, { recursive: true });
      await mkdir(path.join(this.#root, name));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw diskError(error, name);
      throw new UserError('dataset.exists', `There is a dataset ${JSON.stringify(name)} already.`);
    }
  }

  /** Its folder. @throws UserError `dataset.unknown` */
  async folder(name: string): Promise<string> {
    const folder = isSafeName(name) ? path.join(this.#root, name) : undefined;
    const isThere = folder !== undefined && (await stat(folder).catch(() => undefined))?.isDirectory();
    if (isThere) return folder;
    throw new UserError('dataset.unknown', `There is no dataset ${JSON.stringify(name.slice(0, 200))}.`);
  }

  /** Adds a picture under a free number; returns its name. */
  async add(name: string, bytes: Uint8Array, extension: string, caption: string | undefined): Promise<string> {
    const folder = await this.folder(name);
    const taken = new Set((await readdir(folder)).map(withoutExtension));
    let number = 1;
    while (taken.has(String(number).padStart(5, '0'))) number++;
    const stem = String(number).padStart(5, '0');
    await writeWhole(path.join(folder, `${stem}.${extension}`), [bytes]);
    if (caption !== undefined) await writeWhole(path.join(folder, `${stem}.txt`), [Buffer.from(caption)]);
    return `${stem}.${extension}`;
  }

  async setCaption(name: string, picture: string, caption: string): Promise<void> {
    const file = await this.file(name, picture);
    await writeWhole(`${withoutExtension(file)}.txt`, [Buffer.from(caption)]);
  }

  /** Path of a picture. @throws UserError `dataset-picture.unknown` */
  async file(name: string, picture: string): Promise<string> {
    const folder = await this.folder(name);
    if (isPicture(picture) && (await this.#pictures(name)).includes(picture))
      return await realPathInside(folder, picture);
    throw new UserError('dataset-picture.unknown', `${name} has no picture ${JSON.stringify(picture.slice(0, 200))}.`);
  }

  async remove(name: string, picture: string): Promise<void> {
    const file = await this.file(name, picture);
    await rm(file);
    await rm(`${withoutExtension(file)}.txt`, { force: true });
  }

  async scan(name: string, look: ScanPicture): Promise<DatasetScan> {
    const folder = await this.folder(name);
    const pictures: DatasetPicture[] = [];
    const looks: { name: string; look: string }[] = [];
    const oddEncodings: string[] = [];
    for (const picture of await this.#pictures(name)) {
      const file = path.join(folder, picture);
      const found = await this.#look(file, look);
      const bytes = await readFile(`${withoutExtension(file)}.txt`).catch(() => undefined);
      const text = bytes && decodeText(bytes);
      if (text && text.encoding !== 'utf-8') oddEncodings.push(picture);
      const caption = text?.text.replace(/\s+/g, ' ').trim();
      if ('look' in found) looks.push({ name: picture, look: found.look });
      pictures.push(
        'look' in found
          ? { name: picture, caption, width: found.width, height: found.height }
          : { name: picture, caption, problem: found.problem },
      );
    }
    const named = (wanted: (picture: DatasetPicture) => boolean) => pictures.filter(wanted).map((p) => p.name);
    return {
      pictures,
      report: {
        count: pictures.length,
        withoutCaption: named(({ caption = '' }) => caption === ''),
        broken: named(({ problem }) => problem !== undefined),
        tiny: named(({ width = tinySide, height = tinySide }) => Math.min(width, height) < tinySide),
        nearDuplicates: nearDuplicates(looks),
        oddEncodings,
      },
    };
  }

  async #look(file: string, look: ScanPicture): Promise<ScannedPicture | { problem: string }> {
    const { size, mtimeMs } = await stat(file);
    const stamp = `${size} ${mtimeMs}`;
    const known = this.#scanned.get(file);
    if (known?.stamp === stamp) return known.scan;
    const scan = await look(file).catch((error: Error) => ({ problem: error.message.trim().split('\n').at(-1)! }));
    this.#scanned.set(file, { stamp, scan });
    return scan;
  }

  async #pictures(name: string): Promise<string[]> {
    return (await readdir(await this.folder(name))).filter((file) => isPicture(file) && !file.startsWith('.')).sort();
  }
}
