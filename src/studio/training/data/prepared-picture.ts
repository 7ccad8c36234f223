/** A picture as the autoencoder takes it: scaled to cover its bucket, cropped, mirrored, with a mask where it has one. */

import type { Sharp } from 'sharp';
import { UserError } from '#core/errors';
import type { PictureSize } from '#training/buckets';
import type { DatasetItem } from './dataset.ts';
import { openPicture } from './open-picture.ts';

export interface PreparedPicture {
  /** [3, height, width] in -1..1. */
  readonly planes: Float32Array;
  /** [height, width] in 0..1; undefined where nothing is masked. */
  readonly mask: Float32Array | undefined;
}

/** Where the crop lies, 0 to 1 along each axis; the middle by default. */
export interface CropPlace {
  readonly x: number;
  readonly y: number;
}

export async function preparePicture(
  item: DatasetItem,
  bucket: PictureSize,
  {
    mirrored = false,
    place = { x: 0.5, y: 0.5 },
    masked = false,
  }: { mirrored?: boolean; place?: CropPlace; masked?: boolean } = {},
): Promise<PreparedPicture> {
  const { size, file } = item;
  const scale = Math.max(bucket.width / size.width, bucket.height / size.height);
  const width = Math.max(bucket.width, Math.round(size.width * scale));
  const height = Math.max(bucket.height, Math.round(size.height * scale));
  const crop = {
    left: Math.round((width - bucket.width) * place.x),
    top: Math.round((height - bucket.height) * place.y),
    width: bucket.width,
    height: bucket.height,
  };
  const cut = (picture: string) => {
    const scaled = openPicture(picture)
      .rotate()
      .resize(width, height, { fit: 'fill', kernel: 'lanczos3' })
      .extract(crop);
    return mirrored ? scaled.flop() : scaled;
  };
  try {
    const pixels = await cut(file)
      .flatten({ background: '#fff' })
      .toColourspace('srgb')
      .raw({ depth: 'uchar' })
      .toBuffer();
    const planes = planesOf(pixels, bucket.width * bucket.height);
    return { planes, mask: masked ? await maskOf(item, cut) : undefined };
  } catch (cause) {
    if (cause instanceof UserError) throw cause;
    throw broken('the picture', file, cause);
  }
}

function broken(what: string, file: string, cause: unknown): UserError {
  const reason = (cause as Error).message.trim().split('\n').at(-1);
  const message = `${what} ${file} cannot be read: ${reason}. Replace or remove it.`;
  return new UserError('training.data.broken', message, { cause });
}

async function maskOf({ file, mask }: DatasetItem, cut: (picture: string) => Sharp): Promise<Float32Array | undefined> {
  if (mask !== undefined) {
    try {
      const grey = await cut(mask).flatten({ background: '#000' }).greyscale().raw({ depth: 'uchar' }).toBuffer();
      return Float32Array.from(grey, (value) => value / 255);
    } catch (cause) {
      throw broken('the mask', mask, cause);
    }
  }
  if (!(await openPicture(file).metadata()).hasAlpha) return undefined;
  const alpha = await cut(file).ensureAlpha().extractChannel(3).raw({ depth: 'uchar' }).toBuffer();
  return Float32Array.from(alpha, (value) => value / 255);
}

function planesOf(pixels: Uint8Array, cells: number): Float32Array {
  const planes = new Float32Array(3 * cells);
  for (let i = 0; i < cells; i++) for (let c = 0; c < 3; c++) planes[c * cells + i] = pixels[i * 3 + c]! / 127.5 - 1;
  return planes;
}

/** Means of square cells: [height / factor, width / factor]. */
export function averagedMask(mask: Float32Array, { width, height }: PictureSize, factor: number): Float32Array {
  const [rows, columns] = [height / factor, width / factor];
  const out = new Float32Array(rows * columns);
  for (let i = 0; i < mask.length; i++) {
    const [y, x] = [Math.floor(i / width), i % width];
    out[Math.floor(y / factor) * columns + Math.floor(x / factor)]! += mask[i]! / factor ** 2;
  }
  return out;
}
