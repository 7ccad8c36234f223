/** Families that are recognised and cannot be run yet: a file of theirs is called by its name. */

import type { FamilyIdentity } from './family.ts';

/** Widths of the image embeddings that SD 2's unCLIP models add to the time embedding. */
const unclipWidths: readonly number[] = [1536, 2048];
const refinerWidth = 2560;

export const otherFamilies: readonly FamilyIdentity[] = [
  {
    id: 'sd2',
    title: 'Stable Diffusion 2',
    contextWidth: 1024,
    matches: ({ unet }) =>
      unet?.contextWidth !== undefined &&
      unet.linearProjection &&
      (unet.vectorWidth === undefined || unclipWidths.includes(unet.vectorWidth)),
    variantOf: ({ unet }) => (unclipWidths.includes(unet?.vectorWidth ?? 0) ? 'unclip' : undefined),
  },
  {
    id: 'sdxl-refiner',
    title: 'SDXL refiner',
    matches: ({ unet }) => unet?.vectorWidth === refinerWidth && unet.linearProjection,
  },
  {
    id: 'sdxl',
    title: 'SDXL',
    contextWidth: 2048,
    embeddingKeys: ['clip_l', 'clip_g'],
    matches: ({ unet }) => unet?.vectorWidth !== undefined && unet.linearProjection,
  },
];
