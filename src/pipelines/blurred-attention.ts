/**
 * Self-attention guidance: where the network looks most, its estimate is blurred and noised again, and guidance leads
 * away from what it makes of that. Hong et al. 2023 (arXiv:2210.00939), equation 17 and algorithm 1; diffusers
 * `StableDiffusionSAGPipeline` (mask above the mean, Gaussian of 9 cells and sigma 1).
 */

import { emptyLike, type Latent } from '#diffusion/numbers';
import { cleanFrom, noiseFrom, type Prediction, renoised } from '#diffusion/parameterization';
import type { BatchShape } from './predict.ts';

const sigmaOfBlur = 1;
const radius = 4;

export interface Attended {
  /** Input and output of the network without the condition. */
  readonly x: Latent;
  readonly output: Latent;
  readonly sigma: number;
  readonly prediction: Prediction;
  /** [images, places]; its mean is 1. */
  readonly attention: Float32Array;
}

/** The network's input, degraded where it looks more than on average. */
export function degradedInput({ x, output, sigma, prediction, attention }: Attended, shape: BatchShape): Latent {
  const clean = cleanFrom(prediction, x, output, sigma);
  const noise = noiseFrom(prediction, x, output, sigma);
  return renoised(prediction, blurredWhere(clean, attention, shape), noise, sigma);
}

function blurredWhere(clean: Latent, attention: Float32Array, [images, channels, height, width]: BatchShape): Latent {
  const places = attention.length / images;
  const map = mapSize(places, height, width);
  const out = clean.slice();
  const cells = height * width;
  for (let plane = 0; plane < images * channels; plane++) {
    const own = clean.subarray(plane * cells, (plane + 1) * cells);
    const blurred = gaussian(own, height, width);
    const first = Math.floor(plane / channels) * places;
    for (let i = 0; i < cells; i++) {
      const row = Math.floor((Math.floor(i / width) * map.height) / height);
      const column = Math.floor(((i % width) * map.width) / width);
      if (attention[first + row * map.width + column]! > 1) out[plane * cells + i] = blurred[i]!;
    }
  }
  return out;
}

/** Each level of the network halves both sides, rounding up. */
function mapSize(places: number, height: number, width: number): { height: number; width: number } {
  let size = { height, width };
  while (size.height * size.width > places) {
    size = { height: Math.ceil(size.height / 2), width: Math.ceil(size.width / 2) };
  }
  return size;
}

/** Rows, then columns; edges are mirrored, the edge itself once. */
function gaussian(plane: Latent, height: number, width: number): Latent {
  const along = (values: Latent, length: number, stride: number): Latent => {
    const reach = Math.min(radius, length - 1);
    const taps = Array.from({ length: 2 * reach + 1 }, (_, k) => Math.exp(-0.5 * ((k - reach) / sigmaOfBlur) ** 2));
    const total = taps.reduce((sum, tap) => sum + tap, 0);
    const out = emptyLike(values);
    for (let i = 0; i < values.length; i++) {
      const at = Math.floor(i / stride) % length;
      let sum = 0;
      for (const [k, tap] of taps.entries()) {
        const to = Math.abs(at + k - reach);
        sum += tap * values[i + ((to < length ? to : 2 * (length - 1) - to) - at) * stride]!;
      }
      out[i] = sum / total;
    }
    return out;
  };
  return along(along(plane, width, 1), height, width);
}
