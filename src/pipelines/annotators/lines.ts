/**
 * Lines without a network: XDoG scribbles (Winnemöller et al. 2012), a standard line drawing, and what is lighter than
 * a threshold. sd-webui-controlnet's formulas (`scribble_xdog`, `lineart_standard`, `threshold`).
 */

import type { PixelImage } from '#core/image';
import { gaussianBlur } from './blur.ts';
import { greyPicture } from './scaled.ts';

/** Least difference of a pixel's channels. */
function leastDifference({ width, height, channels }: PixelImage, plus: ArrayLike<number>, minus: ArrayLike<number>) {
  return Float64Array.from({ length: width * height }, (_, i) => {
    let least = Number.POSITIVE_INFINITY;
    for (let c = 0; c < channels; c++) least = Math.min(least, plus[i * channels + c]! - minus[i * channels + c]!);
    return least;
  });
}

export function scribble(image: PixelImage, threshold: number): PixelImage {
  const near = gaussianBlur(image.data, image, 0.5, false);
  const far = gaussianBlur(image.data, image, 5, false);
  const white = Array.from(leastDifference(image, far, near), (difference) => {
    const dog = Math.trunc(Math.min(Math.max(255 - difference, 0), 255));
    return 2 * (255 - dog) > threshold ? 255 : 0;
  });
  return greyPicture(image.width, image.height, white);
}

export function lineDrawing(image: PixelImage): PixelImage {
  const around = gaussianBlur(image.data, image, 6, false);
  const darker = leastDifference(image, around, image.data).map((v) => Math.min(Math.max(v, 0), 255));
  const lines = darker.filter((v) => v > 8).sort();
  const middle = lines.length / 2;
  const median = lines.length === 0 ? 0 : (lines[Math.floor(middle - 0.5)]! + lines[Math.floor(middle)]!) / 2;
  const scale = 127 / Math.max(16, median);
  return greyPicture(
    image.width,
    image.height,
    darker.map((v) => Math.trunc(Math.min(v * scale, 255))),
  );
}

/** White where the darkest channel is above. */
export function lighterThan({ width, height, channels, data }: PixelImage, threshold: number): PixelImage {
  const white = Array.from({ length: width * height }, (_, i) => {
    let least = 255;
    for (let c = 0; c < channels; c++) least = Math.min(least, data[i * channels + c]!);
    return least > threshold ? 255 : 0;
  });
  return greyPicture(width, height, white);
}
