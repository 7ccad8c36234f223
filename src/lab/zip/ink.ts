/**
 * Which pixels of a photographed or rendered line are ink. The paper's brightness is estimated around each pixel, so
 * that shadows and uneven light do not count; the threshold is Otsu's (1979, "A threshold selection method from
 * gray-level histograms").
 */

import type { PixelImage } from '#core/image';

export interface Ink {
  readonly width: number;
  readonly height: number;
  /** [height, width], how dark against the paper, 0 to 1. */
  readonly darkness: Float32Array;
  /** Above it is ink. */
  readonly threshold: number;
}

export function inkOn(image: PixelImage): Ink {
  const { width, height } = image;
  const grey = greyOf(image);
  const radius = Math.max(4, Math.round(Math.max(width, height) / 10));
  // The mean darkens near ink; pixels above it and the mean of those are nearer to the paper.
  let paper = boxMean(grey, width, height, radius);
  for (let pass = 0; pass < 2; pass++) {
    paper = boxMean(
      grey.map((v, i) => Math.max(v, paper[i]!)),
      width,
      height,
      radius,
    );
  }
  const darkness = grey.map((v, i) => Math.max(0, Math.min(1, 1 - v / Math.max(paper[i]!, 1e-3))));
  return { width, height, darkness, threshold: otsu(darkness) };
}

/** Brightness from 0 to 1; where most is dark, light is ink. */
function greyOf({ data, channels, width, height }: PixelImage): Float32Array {
  const grey = new Float32Array(width * height);
  for (let i = 0; i < grey.length; i++) {
    const at = i * channels;
    const [r, g, b] = [data[at]!, data[at + (channels > 1 ? 1 : 0)]!, data[at + (channels > 1 ? 2 : 0)]!];
    const value = (0.299 * r + 0.587 * g + 0.114 * b) / 255;
    // What is transparent shows paper.
    const alpha = channels === 4 ? data[at + 3]! / 255 : 1;
    grey[i] = alpha * value + 1 - alpha;
  }
  const bright = grey.filter((v) => v > 0.5).length > grey.length / 2;
  return bright ? grey : grey.map((v) => 1 - v);
}

/** Mean over the square of `radius` around each pixel, cut at the edges. */
function boxMean(values: Float32Array, width: number, height: number, radius: number): Float32Array {
  const across = runningMean(values, { count: height, length: width, step: 1, stride: width }, radius);
  return runningMean(across, { count: width, length: height, step: width, stride: 1 }, radius);
}

interface Lines {
  readonly count: number;
  readonly length: number;
  /** From one value of a line to the next, and from one line to the next. */
  readonly step: number;
  readonly stride: number;
}

function runningMean(values: Float32Array, { count, length, step, stride }: Lines, radius: number): Float32Array {
  const out = new Float32Array(values.length);
  for (let line = 0; line < count; line++) {
    const at = (i: number): number => line * stride + i * step;
    let sum = 0;
    for (let i = 0; i < Math.min(radius, length); i++) sum += values[at(i)]!;
    for (let i = 0; i < length; i++) {
      if (i + radius < length) sum += values[at(i + radius)]!;
      if (i - radius - 1 >= 0) sum -= values[at(i - radius - 1)]!;
      out[at(i)] = sum / (Math.min(i + radius, length - 1) - Math.max(i - radius, 0) + 1);
    }
  }
  return out;
}

const bins = 256;
/** Paper without ink still has grain. */
const least = 0.15;

/** The level that parts the histogram in two with the greatest variance between them. */
function otsu(values: Float32Array): number {
  const counts = new Float64Array(bins);
  for (const v of values) counts[Math.min(bins - 1, Math.floor(v * bins))]! += 1;
  const total = counts.reduce((sum, n, i) => sum + n * i, 0);
  let [best, at, below, belowSum] = [0, 0, 0, 0];
  for (let i = 0; i < bins - 1; i++) {
    below += counts[i]!;
    belowSum += counts[i]! * i;
    const above = values.length - below;
    if (below === 0 || above === 0) continue;
    const between = below * above * (belowSum / below - (total - belowSum) / above) ** 2;
    if (between > best) [best, at] = [between, i];
  }
  return Math.max(least, (at + 1) / bins);
}
