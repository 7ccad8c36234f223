/**
 * Noise other than plain white noise, for diffusion training.
 *
 * Offset noise: N. Guttenberg, "Diffusion with offset noise" (2023). Input perturbation: Ning et al. 2023,
 * arXiv:2301.11706. Pyramid noise: J. Whitaker, "Multi-resolution noise for diffusion model training" (2023).
 */

import type { RandomSource } from './random.ts';

type Floats = Float32Array | Float64Array;

/** Shape of noise, [B, C, H, W]. */
export type NoiseShape = readonly [number, number, number, number];

/** noise + strength * channelNoise: `channelNoise` has one value an item and channel, spread over its cells. */
export function offsetNoise<A extends Floats>(noise: A, channelNoise: Floats, strength: number): A {
  const cells = noise.length / channelNoise.length;
  return noise.map((value, i) => value + strength * channelNoise[Math.floor(i / cells)]!) as A;
}

/** noise + gamma * extra, for the network's input; the target keeps the plain noise. */
export function perturbNoise<A extends Floats>(noise: A, extra: Floats, gamma: number): A {
  return noise.map((value, i) => value + gamma * extra[i]!) as A;
}

/**
 * noise + strength * channelNoise with a strength of each item's channel: max(0, strength + scale |mean of the latent's
 * channel|), kohya's adaptive noise scale.
 */
export function adaptiveOffsetNoise<A extends Floats>(
  noise: A,
  channelNoise: Floats,
  latents: Floats,
  { strength, scale }: { strength: number; scale: number },
): A {
  const cells = noise.length / channelNoise.length;
  const strengths = Array.from(channelNoise, (_, channel) => {
    let total = 0;
    for (let i = channel * cells; i < (channel + 1) * cells; i++) total += latents[i]!;
    return Math.max(0, strength + scale * Math.abs(total / cells));
  });
  return noise.map((value, i) => {
    const channel = Math.floor(i / cells);
    return value + strengths[channel]! * channelNoise[channel]!;
  }) as A;
}

export interface NoiseLevel {
  readonly shape: NoiseShape;
  readonly data: Floats;
}

/** The sum of discount^i times level i resized to the first level's size, over its standard deviation. */
export function pyramidNoise(levels: readonly NoiseLevel[], discount: number): Float64Array {
  return summedLevels(new Float64Array(levels[0]!.data.length), levels, discount);
}

/** kohya's multi-resolution noise: the sum of the noise and discount^i times level i, over its standard deviation. */
export function multiresNoise(noise: Floats, levels: readonly NoiseLevel[], discount: number): Float64Array {
  return summedLevels(Float64Array.from(noise), levels, discount, levels[0]!.shape);
}

/** kohya's levels for `noise` of a shape: the first is as large, each next one 2 to 4 times smaller, down to one cell. */
export function drawMultiresNoise(
  random: RandomSource,
  noise: Float32Array,
  [batch, channels, height, width]: NoiseShape,
  { iterations, discount }: { iterations: number; discount: number },
): Float32Array {
  const levels: NoiseLevel[] = [];
  for (let i = 0; i < iterations; i++) {
    const shrink = (2 + 2 * random.uniform()) ** i;
    const h = Math.max(1, Math.floor(height / shrink));
    const w = Math.max(1, Math.floor(width / shrink));
    const data = random.fillNormal(new Float32Array(batch * channels * h * w));
    levels.push({ shape: [batch, channels, h, w], data });
    if (h === 1 || w === 1) break;
  }
  return Float32Array.from(multiresNoise(noise, levels, discount));
}

function summedLevels(
  out: Float64Array,
  levels: readonly NoiseLevel[],
  discount: number,
  [, , height, width]: NoiseShape = levels[0]!.shape,
): Float64Array {
  levels.forEach((level, i) => {
    const weight = discount ** i;
    resizeBilinear(level, height, width).forEach((value, at) => {
      out[at]! += weight * value;
    });
  });
  const spread = unbiasedDeviation(out);
  return out.map((v) => v / spread);
}

/**
 * Pyramid noise of a shape: every level is 2 to 4 times smaller than the one before it, down to one cell.
 * `discount` is 0.3 in Whitaker's text.
 */
export function drawPyramidNoise(random: RandomSource, shape: NoiseShape, discount: number): Float32Array {
  const [batch, channels, height, width] = shape;
  const draw = (h: number, w: number): NoiseLevel => ({
    shape: [batch, channels, h, w],
    data: random.fillNormal(new Float32Array(batch * channels * h * w)),
  });
  const levels = [draw(height, width)];
  for (let h = height, w = width; h > 1 && w > 1; ) {
    const shrink = 2 + 2 * random.uniform();
    h = Math.max(1, Math.floor(h / shrink));
    w = Math.max(1, Math.floor(w / shrink));
    levels.push(draw(h, w));
  }
  return Float32Array.from(pyramidNoise(levels, discount));
}

function unbiasedDeviation(values: Float64Array): number {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  return Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / (values.length - 1));
}

/** Pixel centres keep their relative place (PyTorch's align_corners false); edges repeat. */
function resizeBilinear({ shape, data }: NoiseLevel, height: number, width: number): Float64Array {
  const [batch, channels, h, w] = shape;
  const rows = sourceCells(h, height);
  const columns = sourceCells(w, width);
  const out = new Float64Array(batch * channels * height * width);
  let at = 0;
  for (let plane = 0; plane < batch * channels; plane++) {
    const value = (y: number, x: number): number => data[(plane * h + y) * w + x]!;
    for (const y of rows) {
      for (const x of columns) {
        const top = value(y.low, x.low) * (1 - x.weight) + value(y.low, x.high) * x.weight;
        const bottom = value(y.high, x.low) * (1 - x.weight) + value(y.high, x.high) * x.weight;
        out[at++] = top * (1 - y.weight) + bottom * y.weight;
      }
    }
  }
  return out;
}

/** For every target cell of an axis: the two source cells and the weight of the higher one. */
function sourceCells(from: number, to: number): { low: number; high: number; weight: number }[] {
  return Array.from({ length: to }, (_, i) => {
    const at = Math.max(0, ((i + 0.5) * from) / to - 0.5);
    const low = Math.min(Math.floor(at), from - 1);
    return { low, high: Math.min(low + 1, from - 1), weight: at - low };
  });
}
