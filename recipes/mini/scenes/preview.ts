/** A contact sheet of scenes to look at, with the captions in a text file beside it. */

import { writeFile } from 'node:fs/promises';
import sharp, { type OverlayOptions } from 'sharp';
import { generateScenes } from './dataset.ts';

const columns = 10;
const gap = 4;

export async function writeSheet(path: string, count: number, seed: number, size = 128): Promise<void> {
  const pictures: OverlayOptions[] = [];
  const captions: string[] = [];
  for await (const { index, caption, pixels } of generateScenes({ count, seed, size })) {
    pictures.push({
      input: Buffer.from(pixels),
      raw: { width: size, height: size, channels: 3 },
      left: (index % columns) * (size + gap),
      top: Math.floor(index / columns) * (size + gap),
    });
    captions.push(`${index + 1}. ${caption}`);
  }
  const [width, height] = [columns * (size + gap) - gap, Math.ceil(count / columns) * (size + gap) - gap];
  await sharp({ create: { width, height, channels: 3, background: '#ffffff' } })
    .composite(pictures)
    .png()
    .toFile(path);
  await writeFile(path.replace(/\.png$/, '.txt'), `${captions.join('\n')}\n`);
}
