/**
 * A picture of a dataset cropped or mirrored into a new file, its mask alike. Pictures come from anywhere: run it in a
 * reader's process (`reader/tasks.ts`).
 */

import type { Sharp } from 'sharp';

export interface PictureChange {
  readonly file: string;
  readonly mask: string | undefined;
  /** Paths without an ending; the picture is written as PNG, the mask as `.mask.png`. */
  readonly into: string;
  /** Scaled to cover this size, then cut where most is to be seen. */
  readonly crop?: {
    readonly width: number;
    readonly height: number;
    readonly keep: 'attention' | 'entropy' | 'centre';
  };
  readonly mirrored?: boolean;
}

/** @throws what libvips throws for a file that is no picture, or a damaged one */
export async function changePicture({ file, mask, into, crop, mirrored = false }: PictureChange): Promise<void> {
  const { default: sharp } = await import('sharp');
  const turn = (picture: Sharp): Sharp => (mirrored ? picture.flop() : picture);
  if (!crop) {
    await turn(sharp(file).rotate()).png().toFile(`${into}.png`);
    if (mask !== undefined) await turn(sharp(mask)).png().toFile(`${into}.mask.png`);
    return;
  }
  const { width, height, keep } = crop;
  // The place is found in the upright picture, which is then mirrored.
  const upright = await sharp(file).rotate().png().toBuffer();
  const position = keep === 'centre' ? 'centre' : sharp.strategy[keep];
  const cut = await sharp(upright)
    .resize(width, height, { fit: 'cover', position })
    .png()
    .toBuffer({ resolveWithObject: true });
  await turn(sharp(cut.data)).png().toFile(`${into}.png`);
  if (mask === undefined) return;
  const { width: fullWidth, height: fullHeight } = await sharp(upright).metadata();
  const scale = Math.max(width / fullWidth, height / fullHeight);
  const scaled = {
    width: Math.max(width, Math.round(fullWidth * scale)),
    height: Math.max(height, Math.round(fullHeight * scale)),
  };
  const { cropOffsetLeft = 0, cropOffsetTop = 0 } = cut.info;
  const left = Math.min(Math.abs(cropOffsetLeft), scaled.width - width);
  const top = Math.min(Math.abs(cropOffsetTop), scaled.height - height);
  const part = await sharp(mask)
    .resize(scaled.width, scaled.height, { fit: 'fill' })
    .extract({ left, top, width, height })
    .png()
    .toBuffer();
  await turn(sharp(part)).png().toFile(`${into}.mask.png`);
}
