/** Brightness alone, from which a network for recolouring makes colours: CIE lightness, or the strongest channel. */

import type { PixelImage } from '#core/image';
import { greyPicture } from './scaled.ts';

/** `gamma`: exponent on brightness 0..1. */
export function lightness(image: PixelImage, gamma: number): PixelImage {
  return brightness(image, gamma, (r, g, b) => {
    const y = 0.212671 * linear(r) + 0.71516 * linear(g) + 0.072169 * linear(b);
    return (y > 0.008856 ? 116 * Math.cbrt(y) - 16 : 903.3 * y) / 100;
  });
}

export function intensity(image: PixelImage, gamma: number): PixelImage {
  return brightness(image, gamma, (r, g, b) => Math.max(r, g, b) / 255);
}

/** sRGB's curve. */
function linear(byte: number): number {
  const v = byte / 255;
  return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
}

function brightness(
  { width, height, data }: PixelImage,
  gamma: number,
  of: (r: number, g: number, b: number) => number,
): PixelImage {
  const values = Array.from({ length: width * height }, (_, i) => {
    const v = of(data[3 * i]!, data[3 * i + 1]!, data[3 * i + 2]!);
    return Math.trunc(Math.min(Math.max(v, 0), 1) ** gamma * 255);
  });
  return greyPicture(width, height, values);
}
