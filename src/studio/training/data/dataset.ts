/**
 * A folder of pictures as kohya's sd-scripts have it: folders named `10_token class` are repeated ten times and lend
 * their words to pictures without a caption; text files of the same name have captions; NAME.mask.png has a mask.
 *
 * Everything that is wrong with the folder is said before anything is trained.
 */

import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { UserError } from '#core/errors';
import type { PictureSize } from '#training/buckets';
import { readPlainFile } from '../../files/plain-file.ts';
import { shown } from '../picture-folder.ts';
import { decodeText } from './decode-text.ts';
import { listFiles } from './list-files.ts';
import { extensionOf, isMask, isPicture, maskEnding, repeatedFolder, withoutExtension } from './picture-names.ts';
import { type ScannedPicture, scanPicture } from './scan.ts';

export interface DatasetItem {
  /** Relative to the folder. */
  readonly name: string;
  readonly file: string;
  /** Undefined where nothing is said of it. */
  readonly caption: string | undefined;
  readonly repeats: number;
  /** As its camera held it. */
  readonly size: PictureSize;
  readonly mask: string | undefined;
  /** Changes with the file. */
  readonly stamp: string;
}

export interface Dataset {
  readonly items: readonly DatasetItem[];
  /** What is odd and yet does not stop it. */
  readonly warnings: readonly string[];
}

export interface DatasetOptions {
  readonly captionExtension: string;
}

/** A1111's rule: numbers in front of a name sort files and say nothing. */
const sortingNumber = /^[\d\-_ .]+/;
const smallest = 16;

/** @throws UserError `training.data.*` for a folder that is not there or has no picture that can be used */
export async function readDataset(folder: string, { captionExtension }: DatasetOptions): Promise<Dataset> {
  const files = (await listFiles(folder)).filter((file) => !path.basename(file).startsWith('.'));
  const pictures = files.filter((file) => isPicture(file) && !isMask(file)).sort();
  if (pictures.length === 0) throw new UserError('training.data.empty', `there is no picture in ${folder}`);
  const texts = new Map(
    files.filter((file) => extensionOf(file) === captionExtension).map((file) => [withoutExtension(file), file]),
  );
  const masks = new Map(files.filter((f) => maskEnding.test(f)).map((f) => [f.replace(maskEnding, ''), f]));
  const odd = new OddThings();
  const items: DatasetItem[] = [];
  const looks = await Promise.allSettled(pictures.map((name) => scanPicture(path.join(folder, name))));
  for (const [index, name] of pictures.entries()) {
    const file = path.join(folder, name);
    const size = usableSize(looks[index]!, name, odd);
    if (!size) continue;
    const stem = withoutExtension(name);
    const text = texts.get(stem);
    const mask = masks.get(stem);
    const [, count = '1', words] = repeatedFolder.exec(name.split(path.sep)[0]!) ?? [];
    const { size: bytes, mtimeMs } = await stat(file);
    items.push({
      name,
      file,
      size,
      repeats: name.includes(path.sep) ? Number(count) : 1,
      caption:
        text === undefined ? captionOfName(name, words, odd) : await captionOf(path.join(folder, text), text, odd),
      mask: mask && path.join(folder, mask),
      stamp: `${name} ${bytes} ${mtimeMs} ${mask ? (await stat(path.join(folder, mask))).mtimeMs : ''}`,
    });
  }
  const used = items.filter(({ repeats }) => repeats > 0);
  if (used.length === 0)
    throw new UserError('training.data.broken', `no picture in ${folder} can be used: ${odd.sentences().join(' ')}`);
  return { items: used, warnings: odd.sentences() };
}

/** Identifies pictures and what they are made into. */
export function stampOf(items: readonly DatasetItem[], facts: unknown): string {
  return createHash('sha256')
    .update(JSON.stringify([items.map(({ stamp }) => stamp), facts]))
    .digest('hex');
}

/** Of a picture that was decoded to its end: one that breaks off would stop a training hours later. */
function usableSize(look: PromiseSettledResult<ScannedPicture>, name: string, odd: OddThings): PictureSize | undefined {
  if (look.status === 'rejected') {
    const lines = (look.reason as Error).message.trim().split('\n');
    odd.add('Cannot be read, left out', `${name} (${lines.at(-1)})`);
    return undefined;
  }
  const { width, height } = look.value;
  if (Math.min(width, height) >= smallest) return { width, height };
  odd.add('Too small, left out', `${name} (${width}x${height})`);
  return undefined;
}

function captionOfName(name: string, words: string | undefined, odd: OddThings): string | undefined {
  if (words !== undefined) return words;
  const own = path.basename(withoutExtension(name)).replace(sortingNumber, '').replace(/[_-]+/g, ' ').trim();
  odd.add('Without a caption, called by the words of their names', name);
  return own === '' ? undefined : own;
}

async function captionOf(file: string, name: string, odd: OddThings): Promise<string> {
  const { text, encoding } = decodeText(await readPlainFile(file));
  if (encoding === 'binary') odd.add('No text, taken as empty captions', name);
  if (encoding === 'latin-1') odd.add('Not UTF-8, read as Latin-1', name);
  return text.replace(/\s+/g, ' ').trim();
}

class OddThings {
  readonly #names = new Map<string, string[]>();

  add(what: string, name: string): void {
    this.#names.set(what, [...(this.#names.get(what) ?? []), name]);
  }

  sentences(): string[] {
    return Array.from(this.#names, ([what, names]) => `${what}: ${shown(names)}.`);
  }
}
