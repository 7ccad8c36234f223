/** A picture file in the size that is trained on: scaled to cover it, the middle of it, transparency over white. */

import { UserError } from '#core/errors';
import type { PixelImage } from '#core/image';
import type { PictureSize } from '#training/buckets';
import { words } from './words.ts';

/** @throws UserError `demo.picture` */
export async function readPicture(file: File, { width, height }: PictureSize): Promise<PixelImage> {
  const bitmap = await createImageBitmap(file).catch((cause: unknown) => {
    throw new UserError('demo.picture', words.badPicture(file.name), { cause });
  });
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext('2d', { willReadFrequently: true })!;
  context.fillStyle = '#fff';
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = 'high';
  const scale = Math.max(width / bitmap.width, height / bitmap.height);
  const [across, down] = [bitmap.width * scale, bitmap.height * scale];
  context.drawImage(bitmap, (width - across) / 2, (height - down) / 2, across, down);
  bitmap.close();
  const { data } = context.getImageData(0, 0, width, height);
  return { width, height, channels: 4, data: new Uint8Array(data.buffer) };
}
