/** The post office's demonstration on this machine: reads a line by the trained network, writes lines to try it on. */

import path from 'node:path';
import sharp from 'sharp';
import type { PixelImage } from '#core/image';
import { pixels } from '#lab/data/digits';
import { gridOf } from '#lab/grid';
import { modernLenet } from '#lab/lenet/modern';
import { writeLine } from '#lab/zip/envelope';
import { type ReadLine, readLine } from '#lab/zip/read-line';
import { TrainingRandom } from '#training/random';
import { writeWhole } from '../training/write-whole.ts';
import type { LabHost } from './lab-host.ts';
import { trainedReader } from './lenet.ts';
import { readMnist } from './mnist-files.ts';

const seed = 1;

/** Trains the network first where the folder has none. Undefined where the signal came before its end. */
export async function readZip(image: PixelImage, host: LabHost): Promise<ReadLine | undefined> {
  const sets = await readMnist(host.data);
  const { epochs } = modernLenet.training;
  const trained = await trainedReader({ network: modernLenet, epochs, seed }, sets, host);
  if (!trained) return undefined;
  try {
    return await readLine(image, trained.reader);
  } finally {
    await trained.reader.dispose();
  }
}

/** Writes a picture of a line of five test digits; returns what is written on it. */
export async function writeExampleLine(file: string, lineSeed: number, data?: string): Promise<string> {
  const { test } = await readMnist(data);
  const random = new TrainingRandom(lineSeed);
  const places = Array.from({ length: 5 }, () => random.integer(test.count));
  const { image, text } = writeLine(test, places, random);
  await writePicture(file, image);
  return text;
}

/** Writes what the network saw of a line: a picture for each digit. */
export async function writeSeen(file: string, { seen }: ReadLine): Promise<void> {
  const count = Math.max(1, seen.length / pixels);
  const pictures = new Float32Array(count * pixels).fill(-1);
  seen.forEach((ink, i) => {
    pictures[i] = 2 * ink - 1;
  });
  await writePicture(file, gridOf(pictures, { channels: 1, count, columns: count }));
}

async function writePicture(file: string, { data, width, height, channels }: PixelImage): Promise<void> {
  await writeWhole(path.resolve(file), [await sharp(data, { raw: { width, height, channels } }).png().toBuffer()]);
}
