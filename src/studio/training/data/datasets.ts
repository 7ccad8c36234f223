/** Folders of pictures to train on that the studio keeps: each picture beside a text file with its caption. */

import { copyFile, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { UserError } from '#core/errors';
import { nextTurn } from '../../events/next-turn.ts';
import { diskError, isMissing } from '../../files/disk-error.ts';
import { readPlainFile } from '../../files/plain-file.ts';
import { isSafeName, realPathInside } from '../../files/safe-path.ts';
import { walk } from '../../files/walk.ts';
import { writeWhole } from '../write-whole.ts';
import type { PictureChange } from './change-picture.ts';
import { decodeText } from './decode-text.ts';
import { listFiles } from './list-files.ts';
import { isMask, isPicture, repeatedFolder, withoutExtension } from './picture-names.ts';
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

/** Characters that are told of each: as many as a caption may be set to. */
const longestCaption = 100_000;

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
    for (const name of names.filter(isSafeName).sort()) folders.push({ name, pictures: await this.#count(name) });
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
    const file = isShown(picture) ? await realPathInside(folder, picture).catch(() => undefined) : undefined;
    if (file !== undefined && (await existing(file))) return file;
    throw new UserError('dataset-picture.unknown', `${name} has no picture ${JSON.stringify(picture.slice(0, 200))}.`);
  }

  async remove(name: string, picture: string): Promise<void> {
    const file = await this.file(name, picture);
    await rm(file);
    for (const ending of ['.txt', '.mask.png']) await rm(withoutExtension(file) + ending, { force: true });
  }

  /** Puts a mask (PNG) beside a picture. */
  async setMask(name: string, picture: string, png: Uint8Array): Promise<void> {
    const file = await this.file(name, picture);
    await writeWhole(`${withoutExtension(file)}.mask.png`, [png]);
  }

  /**
   * Copies a folder's pictures with their captions (as UTF-8) and masks into a dataset; folders named `10_token class`
   * stay folders, whose pictures are shown ten times, others are left by their files. Returns the pictures' names.
   */
  async importFolder(name: string, from: string): Promise<string[]> {
    const folder = await this.folder(name);
    const files = (await listFiles(from)).filter((file) => !path.basename(file).startsWith('.'));
    const pictures = files.filter((file) => isPicture(file) && !isMask(file)).sort();
    if (pictures.length === 0) throw new UserError('training.data.empty', `there is no picture in ${from}`);
    const all = new Set(files);
    const names: string[] = [];
    for (const picture of pictures) {
      const [top, ...rest] = picture.split(path.sep);
      const repeated = rest.length > 0 && repeatedFolder.test(top!) ? top! : '';
      const own = (repeated === '' ? [top!, ...rest] : rest).join('-');
      const target = path.join(folder, repeated, own);
      const stem = withoutExtension(picture);
      await copyInto(path.join(from, picture), target);
      if (all.has(`${stem}.mask.png`)) {
        await copyInto(path.join(from, `${stem}.mask.png`), `${withoutExtension(target)}.mask.png`);
      }
      if (all.has(`${stem}.txt`)) {
        const { text } = decodeText(await readPlainFile(path.join(from, `${stem}.txt`)));
        await writeWhole(`${withoutExtension(target)}.txt`, [Buffer.from(text)]);
      }
      names.push(path.posix.join(repeated, own));
    }
    return names;
  }

  /**
   * Another dataset with each picture changed, and with what is said of it; `besides`: with the pictures as they are.
   * Pictures that cannot be read are left out and named.
   */
  async derive(
    name: string,
    into: string,
    change: Omit<PictureChange, 'file' | 'mask' | 'into'>,
    { write, besides }: { write: (change: PictureChange) => Promise<void>; besides?: boolean },
  ): Promise<{ pictures: number; leftOut: string[] }> {
    const from = await this.folder(name);
    const pictures = await this.#pictures(name);
    await this.create(into);
    const to = await this.folder(into);
    const leftOut: string[] = [];
    let made = 0;
    for (const picture of pictures) {
      const source = path.join(from, picture);
      const stem = withoutExtension(path.join(to, picture));
      await mkdir(path.dirname(stem), { recursive: true });
      const mask = await existing(`${withoutExtension(source)}.mask.png`);
      const changed = besides ? `${stem}-mirrored` : stem;
      try {
        await write({ file: source, mask, into: changed, ...change });
      } catch {
        leftOut.push(picture);
        continue;
      }
      await copySaid(source, changed);
      made++;
      if (!besides) continue;
      await copyInto(source, path.join(to, picture));
      if (mask) await copyInto(mask, `${stem}.mask.png`);
      await copySaid(source, stem);
      made++;
    }
    return { pictures: made, leftOut };
  }

  /** Moves a share of the pictures, chosen by the seed, into another dataset, to be held out; at least one stays. */
  async split(name: string, into: string, share: number, seed: number): Promise<string[]> {
    const from = await this.folder(name);
    const pictures = await this.#pictures(name);
    const count = Math.min(pictures.length - 1, Math.max(1, Math.round(pictures.length * share)));
    if (count < 1)
      throw new UserError('dataset.split', `${name} has ${pictures.length} pictures; two are the least to split`);
    await this.create(into);
    const to = await this.folder(into);
    const [{ shuffleInPlace }, { TrainingRandom }] = await Promise.all([
      import('#training/captions'),
      import('#training/random'),
    ]);
    const random = new TrainingRandom(seed);
    const moved = shuffleInPlace([...pictures], random)
      .slice(0, count)
      .sort();
    for (const picture of moved) {
      await mkdir(path.dirname(path.join(to, picture)), { recursive: true });
      for (const ending of ['.txt', '.mask.png']) {
        const beside = await existing(withoutExtension(path.join(from, picture)) + ending);
        if (beside) await rename(beside, withoutExtension(path.join(to, picture)) + ending);
      }
      await rename(path.join(from, picture), path.join(to, picture));
    }
    return moved;
  }

  async scan(name: string, look: ScanPicture): Promise<DatasetScan> {
    const folder = await this.folder(name);
    const names = await this.#pictures(name);
    const there = new Set(names.map((picture) => path.join(folder, picture)));
    // Nothing is known any more of pictures that have gone.
    for (const file of this.#scanned.keys())
      if (file.startsWith(folder + path.sep) && !there.has(file)) this.#scanned.delete(file);
    const pictures: DatasetPicture[] = [];
    const looks: { name: string; look: string }[] = [];
    const oddEncodings: string[] = [];
    for (const picture of names) {
      const file = path.join(folder, picture);
      const found = await this.#look(file, look);
      const bytes = await readPlainFile(`${withoutExtension(file)}.txt`).catch(() => undefined);
      const text = bytes && decodeText(bytes);
      if (text && text.encoding !== 'utf-8') oddEncodings.push(picture);
      const caption = text?.text.slice(0, longestCaption).replace(/\s+/g, ' ').trim();
      await nextTurn();
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
        nearDuplicates: await nearDuplicates(looks),
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

  /** Names below the dataset's folder, with `/`. */
  async #pictures(name: string): Promise<string[]> {
    const files: string[] = [];
    for await (const file of this.#shown(name)) files.push(file);
    return files.sort();
  }

  async #count(name: string): Promise<number> {
    let count = 0;
    for await (const _ of this.#shown(name)) count++;
    return count;
  }

  async *#shown(name: string): AsyncGenerator<string> {
    for await (const { entry, file } of walk(await this.folder(name)))
      if (!entry.isDirectory() && isShown(file)) yield file.replaceAll(path.sep, '/');
  }
}

const isShown = (file: string): boolean => isPicture(file) && !isMask(file) && !path.basename(file).startsWith('.');

const existing = async (file: string): Promise<string | undefined> =>
  (await stat(file).catch(() => undefined))?.isFile() ? file : undefined;

async function copyInto(source: string, target: string): Promise<void> {
  try {
    await mkdir(path.dirname(target), { recursive: true });
    await copyFile(source, target);
  } catch (error) {
    throw diskError(error, target);
  }
}

/** The caption of a picture for one whose path, without its ending, is given. */
async function copySaid(picture: string, stem: string): Promise<void> {
  const caption = await existing(`${withoutExtension(picture)}.txt`);
  if (caption) await copyInto(caption, `${stem}.txt`);
}
