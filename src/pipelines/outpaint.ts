/**
 * Outpainting: a larger canvas around a picture, what lies under the new area at the start, and the mask that repaints
 * it. What follows is inpainting.
 *
 * Ideas of AUTOMATIC1111 web UI v1.10.1's two scripts: scripts/poor_mans_outpainting.py (masked content chosen) and
 * scripts/outpainting_mk_2.py (noise with the picture's spectrum and colours, after parlance-zz's g-diffuser-bot). Left
 * out: their passes over one side or tile at a time; the whole canvas is painted at once.
 */

import { UserError } from '#core/errors';
import type { PixelImage } from '#core/image';
import { PhiloxGenerator } from '#core/random/philox';
import type { ModelLimits } from '#models/family';
import { toRgb } from './picture.ts';
import type { GenerateRequest } from './request.ts';
import { maxSide } from './settings/index.ts';
import { shapedNoise } from './shaped-noise.ts';

interface Sides {
  readonly left: number;
  readonly right: number;
  readonly up: number;
  readonly down: number;
}

export function wantsOutpaint({
  init,
  outpaintLeft,
  outpaintRight,
  outpaintUp,
  outpaintDown,
}: GenerateRequest): boolean {
  return init !== undefined && outpaintLeft + outpaintRight + outpaintUp + outpaintDown > 0;
}

/** The request with the canvas as its picture and the new area as its mask. @throws UserError `request.outpaint` */
export function outpainted(request: GenerateRequest, { gridMultiple }: ModelLimits): GenerateRequest {
  const init = toRgb(request.init!);
  const { outpaintLeft: left, outpaintRight: right, outpaintUp: up, outpaintDown: down, maskBlur } = request;
  if (request.mask) {
    throw new UserError('request.outpaint', 'Outpainting makes the mask itself; leave the mask or the sides out.');
  }
  const sides = onGrid({ left, right, up, down }, init, gridMultiple);
  const size = { width: init.width + sides.left + sides.right, height: init.height + sides.up + sides.down };
  if (Math.max(size.width, size.height) > maxSide) {
    const message = `Outpainting would make a canvas of ${size.width} x ${size.height}; sides go up to ${maxSide} pixels.`;
    throw new UserError('request.outpaint', message);
  }
  const mask = newArea(size, init, sides, Math.ceil(2 * maskBlur));
  const canvas = extended(init, size, sides);
  const matched = request.outpaintFill === 'matched noise';
  const filled = matched ? withNoise(canvas, mask, request) : canvas;
  return { ...request, ...size, init: filled, mask, maskedContent: matched ? 'original' : request.maskedContent };
}

/** Grown sides take what the canvas needs to be on the model's grid; a picture that is not takes it on the right and below. */
function onGrid({ left, right, up, down }: Sides, init: PixelImage, multiple: number): Sides {
  const rest = (length: number): number => (multiple - (length % multiple)) % multiple;
  const wide = rest(init.width + left + right);
  const high = rest(init.height + up + down);
  const toRight = right > 0 || left === 0;
  const toBottom = down > 0 || up === 0;
  return {
    left: left + (toRight ? 0 : wide),
    right: right + (toRight ? wide : 0),
    up: up + (toBottom ? 0 : high),
    down: down + (toBottom ? high : 0),
  };
}

/** White where it is new, and `overlap` pixels into the picture along the sides that grow. */
function newArea(
  size: { width: number; height: number },
  init: PixelImage,
  { left, right, up, down }: Sides,
  overlap: number,
): PixelImage {
  const grow = (side: number): number => (side > 0 ? side + overlap : 0);
  const data = new Uint8Array(size.width * size.height).fill(255);
  const [x1, x2] = [grow(left), size.width - grow(right)];
  for (let y = grow(up); y < size.height - grow(down); y++) {
    if (x2 > x1) data.fill(0, y * size.width + x1, y * size.width + x2);
  }
  if (init.width <= 2 * overlap || init.height <= 2 * overlap) data.fill(255);
  return { ...size, channels: 1, data };
}

/** The picture in its place; beyond it, its mirror. */
function extended(init: PixelImage, size: { width: number; height: number }, { left, up }: Sides): PixelImage {
  const data = new Uint8Array(3 * size.width * size.height);
  for (let y = 0; y < size.height; y++) {
    const from = mirrored(y - up, init.height) * init.width;
    for (let x = 0; x < size.width; x++) {
      const at = 3 * (from + mirrored(x - left, init.width));
      data.set(init.data.subarray(at, at + 3), 3 * (y * size.width + x));
    }
  }
  return { ...size, channels: 3, data };
}

function mirrored(index: number, length: number): number {
  if (length === 1) return 0;
  const period = 2 * (length - 1);
  const i = ((index % period) + period) % period;
  return i < length ? i : period - i;
}

function withNoise(canvas: PixelImage, mask: PixelImage, request: GenerateRequest): PixelImage {
  const { outpaintFalloff: falloff, outpaintColorVariation: colorVariation, seed } = request;
  const random = new PhiloxGenerator(Math.max(seed, 0)).randn([3 * canvas.width * canvas.height]);
  return shapedNoise(canvas, mask.data, { falloff, colorVariation, random });
}
