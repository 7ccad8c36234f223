/**
 * A user's folder of pictures with captions as what a run learns from: any format that sharp reads, turned as their
 * camera held them, filled into a square by resizing and cropping the middle, over white where they are transparent; a
 * `.txt` of the same name has the caption.
 *
 * Everything that is wrong with the folder is said before anything is trained.
 */

import { statSync } from 'node:fs';

import path from 'node:path';
import sharp from 'sharp';
import { UserError } from '#core/errors';
import { readPlainText } from '../files/plain-file.ts';
import type { CaptionedPictures } from './captioned-pictures.ts';
import { listFiles } from './data/list-files.ts';
import { openPicture } from './data/open-picture.ts';
import { extensionOf, isPicture, pictureExtensions, withoutExtension } from './data/picture-names.ts';

export interface FolderOptions {
  /** Side that pictures are brought to, in pixels. */
  readonly size: number;
  /** Whether a picture without a caption is a mistake. */
  readonly needsCaptions: boolean;
  /** Told about files that are neither pictures nor captions. */
  readonly warn: (message: string) => void;
}

interface FolderPicture {
  /** Relative to the folder. */
  readonly name: string;
  readonly file: string;
  /** Undefined where there is no text file. */
  readonly caption: string | undefined;
}

/** @throws UserError `training.data.*` for a folder that is not there, is empty, or has pictures that cannot be used */
export async function pictureFolder(
  folder: string,
  { size, needsCaptions, warn }: FolderOptions,
): Promise<CaptionedPictures> {
  const pictures = await listPictures(folder, warn);
  if (needsCaptions) checkCaptions(pictures, folder);
  await checkHeaders(pictures, folder);
  const captions = pictures.map(({ caption = '' }) => caption);
  return {
    count: pictures.length,
    size,
    identity: JSON.stringify(pictures.map(({ name, file }) => [name, statSync(file).size, statSync(file).mtimeMs])),
    async read(indices) {
      const squares: Uint8Array[] = [];
      for (const index of indices) squares.push(await readSquare(pictures[index]!.file, size));
      return Buffer.concat(squares);
    },
    caption: (index) => captions[index]!,
    captions: () => captions,
    samplePrompts: [...new Set(captions)].slice(0, 8),
  };
}

const captionExtension = '.txt';

async function listPictures(folder: string, warn: (message: string) => void): Promise<FolderPicture[]> {
  const files = (await listFiles(folder)).filter((file) => !path.basename(file).startsWith('.'));
  const pictures = files.filter(isPicture).sort();
  if (pictures.length === 0) {
    const known = [...pictureExtensions].join(' ');
    throw new UserError('training.data.empty', `there is no picture in ${folder}; expected files with one of ${known}`);
  }
  const captionOf = new Map(
    files.filter((file) => extensionOf(file) === captionExtension).map((file) => [withoutExtension(file), file]),
  );
  const stems = new Set(pictures.map(withoutExtension));
  const others = files.filter((file) =>
    extensionOf(file) === captionExtension ? !stems.has(withoutExtension(file)) : !pictures.includes(file),
  );
  if (others.length > 0) warn(`left alone, neither a picture nor the caption of one: ${shown(others)}`);
  return Promise.all(
    pictures.map(async (name) => {
      const text = captionOf.get(withoutExtension(name));
      const caption = text === undefined ? undefined : await readPlainText(path.join(folder, text));
      return { name, file: path.join(folder, name), caption: caption?.replace(/\s+/g, ' ').trim() };
    }),
  );
}

function checkCaptions(pictures: readonly FolderPicture[], folder: string): void {
  const silent = pictures.filter(({ caption }) => caption === undefined).map(({ name }) => name);
  if (silent.length === 0) return;
  const example = withoutExtension(silent[0]!) + captionExtension;
  throw new UserError(
    'training.data.caption',
    `${silent.length} of ${pictures.length} pictures in ${folder} have no caption: ${shown(silent)}. Write what a picture shows into a text file of its name, such as ${example}.`,
  );
}

async function checkHeaders(pictures: readonly FolderPicture[], folder: string): Promise<void> {
  const broken: string[] = [];
  for (const { name, file } of pictures) {
    await sharp(file)
      .metadata()
      .catch((error: Error) => broken.push(`${name} (${reasonOf(error)})`));
  }
  if (broken.length === 0) return;
  throw new UserError(
    'training.data.broken',
    `${broken.length} of ${pictures.length} pictures in ${folder} cannot be read: ${shown(broken)}. Replace or remove them.`,
  );
}

/** RGB bytes [size, size, 3]. */
export async function readSquare(file: string, size: number): Promise<Uint8Array> {
  try {
    return await openPicture(file)
      .rotate()
      .resize(size, size, { fit: 'cover', position: 'centre' })
      .flatten({ background: '#fff' })
      .toColourspace('srgb')
      .raw({ depth: 'uchar' })
      .toBuffer();
  } catch (cause) {
    const reason = reasonOf(cause as Error);
    throw new UserError(
      'training.data.broken',
      `the picture ${file} cannot be read: ${reason}. Replace or remove it.`,
      {
        cause,
      },
    );
  }
}

/** libvips writes a line for each thing it tried; the last one says what stopped it. */
function reasonOf({ message }: Error): string {
  return message.trim().split('\n').at(-1)!;
}

export function shown(names: readonly string[], most = 5): string {
  const more = names.length > most ? ` and ${names.length - most} more` : '';
  return names.slice(0, most).join(', ') + more;
}
