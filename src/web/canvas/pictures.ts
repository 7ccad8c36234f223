/** Pictures that a draft names: where to see them, and what a request sends in their place. */

import { ApiError, fileAddress } from '../api.ts';
import { drawnMask } from '../state/draft.ts';
import type { Drawing } from '../state/drawing.ts';
import { isKept, keptPicture } from '../state/kept-pictures.ts';
import { words } from '../words/index.ts';
import { compose } from './compose.ts';

/** A gallery's picture is named, not copied. */
const ofGallery = /^image:(.+)$/;

export function galleryPicture(id: string): string {
  return `image:${id}`;
}

export function galleryId(name: string | undefined): string | undefined {
  return ofGallery.exec(name ?? '')?.[1];
}

/** An address for an img element; of a kept picture it must be given back (`URL.revokeObjectURL`). */
export async function addressOfPicture(name: string): Promise<string | undefined> {
  const id = galleryId(name);
  if (id !== undefined) return fileAddress('getImageFile', { id });
  if (!isKept(name)) return name;
  const picture = await keptPicture(name);
  return picture && URL.createObjectURL(picture);
}

export async function loadPicture(address: string): Promise<HTMLImageElement> {
  const image = new Image();
  image.src = address;
  await image.decode();
  return image;
}

/**
 * The request with pictures in the place of their names.
 *
 * @throws ApiError when a kept picture is gone or cannot be drawn
 */
export async function withPictures(
  request: Readonly<Record<string, unknown>>,
  drawing: Drawing,
): Promise<Record<string, unknown>> {
  const { init, mask, ...others } = request as { init?: string; mask?: string };
  const rest = await withUnitPictures(others);
  if (init === undefined) return rest;
  const drawn = drawing.picture === init ? drawing : undefined;
  const composed = drawn && (await compose(drawn, await pictureToDraw(init)));
  const start = composed?.init ? await dataUrl(composed.init) : await sentPicture(init);
  const painted = mask !== drawnMask ? mask : composed?.mask && (await dataUrl(composed.mask));
  return { ...rest, init: start, ...(painted === undefined ? {} : { mask: painted }) };
}

/** Units of lists have pictures too. */
async function withUnitPictures(request: Readonly<Record<string, unknown>>): Promise<Record<string, unknown>> {
  const entries = Object.entries(request).map(async ([name, value]) => {
    if (!Array.isArray(value)) return [name, value] as const;
    const units = value.map(async (unit: unknown) => {
      if (typeof unit !== 'object' || unit === null || !('image' in unit)) return unit;
      return { ...unit, image: await sentPicture(String(unit.image)) };
    });
    return [name, await Promise.all(units)] as const;
  });
  return Object.fromEntries(await Promise.all(entries));
}

async function pictureToDraw(name: string): Promise<HTMLImageElement> {
  const address = await addressOfPicture(name);
  const image = address === undefined ? undefined : await loadPicture(address).catch(() => undefined);
  if (!image) throw new ApiError('page.picture-gone', words().canvas.unreadable, 0, 'init');
  return image;
}

/** As a request sends it. @throws ApiError when it is not kept any more */
export async function sentPicture(name: string): Promise<string> {
  if (!isKept(name)) return name;
  const picture = await keptPicture(name);
  if (!picture) throw new ApiError('page.picture-gone', words().canvas.unreadable, 0, 'init');
  return await dataUrl(picture);
}

export function dataUrl(picture: Blob): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result));
    reader.onerror = () => reject(reader.error ?? new Error('the file could not be read'));
    reader.readAsDataURL(picture);
  });
}
