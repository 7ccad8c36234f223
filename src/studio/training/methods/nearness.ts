/**
 * How near drawn pictures are to those that were learnt from: thumbnails of 8x8 pixels hold the colours and where they
 * are, and nothing of what is shown, so this says that a style or a subject has come over and not that it is good.
 */

import sharp, { type Sharp } from 'sharp';
import type { PixelImage } from '#core/image';
import { openPicture } from '../data/open-picture.ts';

const side = 8;
/** Pictures of a folder that are looked at. */
const most = 64;

/**
 * By strength: the mean over its pictures of the mean difference of a colour value (0 to 255) to the nearest thumbnail
 * of `files`; those that cannot be read are passed over.
 */
export async function nearnessTo(
  files: readonly string[],
  byStrength: readonly (readonly PixelImage[])[],
): Promise<number[]> {
  const every = Math.ceil(files.length / most);
  const looked = files.filter((_, i) => i % every === 0);
  const known = await Promise.all(
    looked.map((file) => thumbnail(openPicture(file).autoOrient()).catch(() => undefined)),
  );
  const learnt = known.filter((each) => each !== undefined);
  const nearest = async ({ data, width, height, channels }: PixelImage): Promise<number> => {
    const own = await thumbnail(sharp(data, { raw: { width, height, channels } }));
    return Math.min(...learnt.map((each) => distance(own, each)));
  };
  const mean = async (images: readonly PixelImage[]): Promise<number> => {
    const distances = await Promise.all(images.map(nearest));
    return distances.reduce((a, b) => a + b, 0) / distances.length;
  };
  return await Promise.all(byStrength.map(mean));
}

async function thumbnail(picture: Sharp): Promise<Uint8Array> {
  const small = picture.flatten({ background: 'white' }).toColourspace('srgb').resize(side, side, { fit: 'cover' });
  return await small.removeAlpha().raw().toBuffer();
}

function distance(a: Uint8Array, b: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += Math.abs(a[i]! - b[i]!);
  return sum / a.length;
}
