/** Source pictures and masks of edits. OpenAI's masks are transparent where to repaint; ours are white there. */

import { FieldError } from '#api/check';
import type { Upload } from '#studio/reader/large-bodies';
import type { Asker } from '#studio/reader/pool';
import type { Studio } from '#studio/studio';
import type { SubmitInput } from '#studio/work/intake';

export interface EditUploads {
  readonly init: Upload;
  /** Without one, transparent parts of the picture itself are the ones to repaint. */
  readonly mask: Upload | undefined;
}

/** @throws UserError `image.*`, FieldError when the mask does not fit */
export async function editPictures(
  studio: Pick<Studio, 'readHeader'>,
  pictures: EditUploads,
  asker: Asker,
): Promise<Pick<SubmitInput, 'pictures' | 'inputRules'>> {
  const init = await studio.readHeader(pictures.init, asker);
  const mask = pictures.mask && (await studio.readHeader(pictures.mask, asker));
  if (mask && (mask.width !== init.width || mask.height !== init.height)) {
    const sizes = `${init.width}x${init.height}, got ${mask.width}x${mask.height}`;
    throw new FieldError('mask', `mask: must have the size of the picture, ${sizes}.`);
  }
  if (mask && !mask.hasAlpha) {
    throw new FieldError('mask', 'mask: needs an alpha channel; transparent parts are repainted.');
  }
  return { pictures, inputRules: { repaintTransparent: true } };
}
