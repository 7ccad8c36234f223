/** The pictures of units: what each looks at, its hint, and where it acts. */

import { UserError } from '#core/errors';
import type { PixelImage } from '#core/image';
import type { SamplingPass } from '../job.ts';
import { cutOut } from '../only-masked.ts';
import { cover, toRgb } from '../picture.ts';
import { type PlaneSize, resizePlanes } from '../resample.ts';
import type { StartPicture } from '../start.ts';
import { hintOf, maskAt, type RunAnnotator } from './hint.ts';
import { type OpenUnit, unitName } from './units.ts';

export interface PictureContext {
  readonly start: StartPicture;
  readonly runAnnotator: RunAnnotator | undefined;
}

/** A unit's picture and mask; where only a masked area is painted, that area of them. */
export function pictureOf({ index, module }: OpenUnit, { request, size }: SamplingPass, { start }: PictureContext) {
  const given = request.controlPictures?.[index];
  const { masked } = start;
  const own = given?.image ?? start.original ?? request.init;
  if (!own) throw new UserError('control.picture', `${unitName(index)} has no picture; give it one.`);
  const area = (image: PixelImage): PixelImage =>
    masked ? cutOut(cover(image, masked.whole), masked.area, size) : image;
  const image = given?.image ? area(toRgb(given.image)) : own;
  if (given?.mask) return { image, mask: area(toRgb(given.mask)) };
  // A module that inpaints the init picture hides what is painted there.
  const inpaints = !given?.image && 'needsMask' in module && module.needsMask === true;
  const painted: PixelImage | undefined = start.mask && { ...size, channels: 1, data: start.mask.pixels };
  return { image, mask: inpaints ? painted : undefined };
}

export async function hintFor(each: OpenUnit, pass: SamplingPass, context: PictureContext, size: PlaneSize) {
  const { image, mask } = pictureOf(each, pass, context);
  const { unit, module } = each;
  return await hintOf({ unit, module, image, mask, size, run: context.runAnnotator });
}

/** Where a unit acts, by its mask, at the latent's size. Modules that inpaint have their masks for themselves. */
export function regionOf(each: OpenUnit, pass: SamplingPass, context: PictureContext): Float32Array | undefined {
  const { mask } = pictureOf(each, pass, context);
  if (!mask || ('needsMask' in each.module && each.module.needsMask)) return undefined;
  const pixels = Float32Array.from(maskAt(mask, pass.size), (v) => v / 255);
  return resizePlanes(pixels, pass.size, pass.latentSize, 'area');
}
