/**
 * Inpainting at full size of the masked area alone: what lies around the mask is cut out, painted at the size asked
 * for, and laid back into the picture, which keeps its own size.
 *
 * Source: AUTOMATIC1111 web UI v1.10.1, modules/masking.py (`get_crop_region_v2`, `expand_crop_region`) and
 * modules/processing.py (`StableDiffusionProcessingImg2Img.init`, `apply_overlay`).
 */

import type { PixelImage } from '#core/image';
import { cover, cropped, fitted } from './picture.ts';
import type { PlaneSize } from './resample.ts';

/** Pixels of a picture, from the left and the top. */
export interface Area extends PlaneSize {
  readonly left: number;
  readonly top: number;
}

export interface MaskedArea {
  readonly area: Area;
  /** The picture as it was, RGB. */
  readonly whole: PixelImage;
  /** [height, width] of the whole picture, 0..255: where it changes. */
  readonly pixels: Uint8Array;
}

/**
 * The masked pixels with `padding` around them, grown to the shape of `target` and moved inside the picture; undefined
 * for a mask that masks nothing.
 */
export function areaOf(pixels: Uint8Array, picture: PlaneSize, padding: number, target: PlaneSize): Area | undefined {
  const box = boundsOf(pixels, picture);
  if (!box) return undefined;
  const [left, right] = padded(box.left, box.right, padding, picture.width);
  const [top, bottom] = padded(box.top, box.bottom, padding, picture.height);
  const ratio = target.width / target.height;
  const wide = (right - left) / (bottom - top) > ratio;
  const [x1, x2] = wide ? [left, right] : grown(left, right, (bottom - top) * ratio, picture.width);
  const [y1, y2] = wide ? grown(top, bottom, (right - left) / ratio, picture.height) : [top, bottom];
  return { left: x1, top: y1, width: x2 - x1, height: y2 - y1 };
}

/** Ends are one past the last masked pixel. */
function boundsOf(pixels: Uint8Array, { width, height }: PlaneSize) {
  let [left, top, right, bottom] = [width, height, 0, 0];
  for (let i = 0; i < pixels.length; i++) {
    if (pixels[i] === 0) continue;
    const [x, y] = [i % width, Math.floor(i / width)];
    left = Math.min(left, x);
    right = Math.max(right, x + 1);
    top = Math.min(top, y);
    bottom = Math.max(bottom, y + 1);
  }
  return right > left ? { left, top, right, bottom } : undefined;
}

function padded(start: number, end: number, padding: number, length: number): [number, number] {
  return [Math.max(start - padding, 0), Math.min(end + padding, length)];
}

/** Longer by the same on both sides, moved back where it sticks out, cut where there is no room. */
function grown(start: number, end: number, wanted: number, length: number): [number, number] {
  const more = Math.trunc(wanted - (end - start));
  const before = Math.floor(more / 2);
  const shifted = start - before - Math.max(end + more - before - length, 0);
  const first = Math.max(shifted, 0);
  return [first, Math.min(first + (end - start) + more, length)];
}

/** The area alone at the size that is painted; where the picture's border has kept it from that shape, filled up. */
export function cutOut(image: PixelImage, area: Area, size: PlaneSize): PixelImage {
  return fitted(cropped(image, area), size, 'Resize and fill');
}

/** A mask [height, width] of the painted area over the whole picture: nothing beyond the area. */
export function spread(pixels: Uint8Array, size: PlaneSize, { area, whole }: MaskedArea): Uint8Array {
  const small = cover({ ...size, channels: 1, data: pixels }, area).data;
  const out = new Uint8Array(whole.width * whole.height);
  for (let y = 0; y < area.height; y++) {
    out.set(small.subarray(y * area.width, (y + 1) * area.width), (area.top + y) * whole.width + area.left);
  }
  return out;
}

/** The painted area in its place, mixed with the picture as it was by the mask; RGB. */
export function layBack(painted: PixelImage, { area, whole, pixels }: MaskedArea): PixelImage {
  const small = cover(painted, area);
  const data = Uint8Array.from(whole.data);
  for (let y = 0; y < area.height; y++) {
    for (let x = 0; x < area.width; x++) {
      const at = (area.top + y) * whole.width + area.left + x;
      const m = pixels[at]! / 255;
      const from = 3 * (y * area.width + x);
      for (let c = 0; c < 3; c++)
        data[3 * at + c] = Math.round(small.data[from + c]! * m + whole.data[3 * at + c]! * (1 - m));
    }
  }
  return { ...whole, data };
}
