/** Source pictures and masks of edits. OpenAI's masks are transparent where to repaint; ours are white there. */

import { FieldError } from '#api/check';
import type { PixelImage } from '#core/image';
import { decodeImage } from '#studio/images/codec';

export interface EditPictures {
  readonly init: PixelImage;
  readonly mask?: PixelImage;
}

/** @throws UserError `image.*`, FieldError when the mask does not fit */
export async function editPictures(image: Uint8Array, mask: Uint8Array | undefined): Promise<EditPictures> {
  const init = (await decodeImage(image)).image;
  if (mask === undefined) {
    // Without a mask, transparent parts of the picture itself are the ones to repaint.
    const own = hasTransparency(init) ? { mask: whiteWhereTransparent(init) } : {};
    return { init: withoutAlpha(init), ...own };
  }
  const given = (await decodeImage(mask)).image;
  if (given.width !== init.width || given.height !== init.height) {
    const sizes = `${init.width}x${init.height}, got ${given.width}x${given.height}`;
    throw new FieldError('mask', `mask: must have the size of the picture, ${sizes}.`);
  }
  if (given.channels !== 4) {
    throw new FieldError('mask', 'mask: needs an alpha channel; transparent parts are repainted.');
  }
  return { init: withoutAlpha(init), mask: whiteWhereTransparent(given) };
}

function hasTransparency({ channels, data }: PixelImage): boolean {
  if (channels !== 4) return false;
  for (let i = 3; i < data.length; i += 4) if (data[i] === 0) return true;
  return false;
}

/** [height, width, 3] of 255 - alpha. */
function whiteWhereTransparent({ width, height, data }: PixelImage): PixelImage {
  const mask = new Uint8Array(width * height * 3);
  for (let i = 0; i < width * height; i++) mask.fill(255 - data[i * 4 + 3]!, i * 3, i * 3 + 3);
  return { width, height, channels: 3, data: mask };
}

/** The colours as they are below the transparency: what is repainted is told by the mask alone. */
function withoutAlpha(image: PixelImage): PixelImage {
  if (image.channels === 3) return image;
  const { width, height, data } = image;
  const opaque = new Uint8Array(width * height * 3);
  for (let i = 0; i < width * height; i++) opaque.set(data.subarray(i * 4, i * 4 + 3), i * 3);
  return { width, height, channels: 3, data: opaque };
}
