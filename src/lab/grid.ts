/** Made pictures side by side. */

import type { PixelImage } from '#core/image';
import { pixels, side } from './data/digits.ts';

export interface GridOptions {
  readonly channels: 1 | 3;
  /** The first so many. */
  readonly count: number;
  readonly columns: number;
}

/** Pictures [n, channels, 28, 28] from -1 to 1, black on white as ink on paper; stacks in red, green and blue. */
export function gridOf(pictures: Float32Array, { channels, count, columns }: GridOptions): PixelImage {
  const [width, height] = [columns * side, Math.ceil(count / columns) * side];
  const data = new Uint8Array(width * height * channels).fill(255);
  for (let n = 0; n < count; n++) {
    const corner = Math.floor(n / columns) * side * width + (n % columns) * side;
    for (let c = 0; c < channels; c++) {
      for (let i = 0; i < pixels; i++) {
        const ink = (pictures[(n * channels + c) * pixels + i]! + 1) / 2;
        const at = corner + Math.floor(i / side) * width + (i % side);
        data[at * channels + c] = Math.round(255 * (1 - Math.max(0, Math.min(1, ink))));
      }
    }
  }
  return { width, height, channels, data };
}
