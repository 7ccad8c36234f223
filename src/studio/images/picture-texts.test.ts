import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, it, onTestFinished } from 'vitest';
import { crc32 } from '#formats/crc32';
import { setPngText } from '#formats/png-text';
import { readPictureTexts } from './picture-texts.ts';

/** A PNG whose head tells of so many pixels. */
async function pngOf(side: number, infotext: string): Promise<Uint8Array> {
  const small = await sharp({ create: { width: 8, height: 8, channels: 3, background: '#888' } })
    .png()
    .toBuffer();
  const png = setPngText(small, 'parameters', infotext);
  const head = new DataView(png.buffer, png.byteOffset);
  head.setUint32(16, side);
  head.setUint32(20, side);
  head.setUint32(29, crc32(png.subarray(12, 29)));
  return png;
}

it('tells what a picture was made with that has too many pixels to be read', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'darkroom-texts-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'wall.png');
  const infotext = 'a fox\nSteps: 7, Sampler: Euler, CFG scale: 3, Seed: 5, Size: 128x128';
  writeFileSync(file, await pngOf(20_000, infotext));
  expect(await readPictureTexts(file)).toMatchObject({ infotext, parameters: { Steps: '7' } });
});
