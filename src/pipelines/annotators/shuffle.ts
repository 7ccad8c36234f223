/**
 * Content shuffle (ControlNet 1.1): a picture's colours moved by a smooth random flow, so that style stays and content
 * goes. annotator/shuffle of ControlNet 1.1 (`ContentShuffleDetector`), noise discs of 256 pixels. The flow is the same
 * for pictures of one size, where upstream draws a new one each time.
 */

import type { PixelImage } from '#core/image';
import { TorchCpuGenerator } from '#core/random/torch-cpu';
import { resizePlanes } from '../resample.ts';

const disc = 256;
const seed = 1;

export function shuffled({ width, height, channels, data }: PixelImage): PixelImage {
  const random = new TorchCpuGenerator(seed);
  const columns = flow(random, width, height).map((v) => v * (width - 1));
  const rows = flow(random, width, height).map((v) => v * (height - 1));
  const out = new Uint8Array(data.length);
  for (let i = 0; i < width * height; i++) {
    const [x, y] = [columns[i]!, rows[i]!];
    const [x0, y0] = [Math.floor(x), Math.floor(y)];
    const [x1, y1] = [Math.min(x0 + 1, width - 1), Math.min(y0 + 1, height - 1)];
    const [fx, fy] = [x - x0, y - y0];
    for (let c = 0; c < channels; c++) {
      const at = (column: number, row: number): number => data[(row * width + column) * channels + c]!;
      const top = at(x0, y0) * (1 - fx) + at(x1, y0) * fx;
      const bottom = at(x0, y1) * (1 - fx) + at(x1, y1) * fx;
      out[i * channels + c] = Math.round(top * (1 - fy) + bottom * fy);
    }
  }
  return { width, height, channels, data: out };
}

/** [height, width] of smooth noise from 0 to 1. */
function flow(random: TorchCpuGenerator, width: number, height: number): Float32Array {
  const coarse = { width: Math.floor(width / disc) + 2, height: Math.floor(height / disc) + 2 };
  const wide = { width: width + 2 * disc, height: height + 2 * disc };
  const noise = resizePlanes(random.rand([coarse.height, coarse.width]), coarse, wide, 'point-bicubic');
  const inner = new Float32Array(width * height);
  for (let y = 0; y < height; y++) {
    const start = (y + disc) * wide.width + disc;
    inner.set(noise.subarray(start, start + width), y * width);
  }
  const low = inner.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  const high = inner.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  return inner.map((v) => (high > low ? (v - low) / (high - low) : 0));
}
