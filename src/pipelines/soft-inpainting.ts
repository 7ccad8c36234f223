/**
 * Soft inpainting: at each step the estimate is mixed with the original by the mask to a power that falls with the noise,
 * and the lengths of latent vectors are mixed on their own, so that contrast is kept; in the end the original's pixels
 * are kept where little has changed.
 *
 * Source: AUTOMATIC1111 web UI v1.10.1, extensions-builtin/soft-inpainting/scripts/soft_inpainting.py. Samplers on
 * timesteps are treated as the others here; the last blur is a Gaussian, not Pillow's three boxes.
 */

import type { Latent } from '#diffusion/numbers';
import type { Denoise } from '#diffusion/parameterization';
import { blurBytes } from './mask.ts';
import type { GenerateRequest } from './request.ts';
import { type PlaneSize, resizePlanes } from './resample.ts';

/** How picture and painting are mixed. */
export type SoftSettings = Pick<
  GenerateRequest,
  | 'maskBlendPower'
  | 'maskBlendScale'
  | 'inpaintDetailPreservation'
  | 'compositeMaskInfluence'
  | 'compositeDifferenceThreshold'
  | 'compositeDifferenceContrast'
>;

/** Undefined where it is not asked for. */
export function softOf(request: GenerateRequest): SoftSettings | undefined {
  return request.softInpainting ? request : undefined;
}

/** `original` [images, channels, cells], `mask` [cells]: 1 is repainted. */
export function keepSoftly(
  denoise: Denoise,
  original: Float32Array,
  mask: Float32Array,
  { maskBlendPower, maskBlendScale, inpaintDetailPreservation }: SoftSettings,
  channels: number,
): Denoise {
  return async (x, sigma) => {
    const denoised = await denoise(x, sigma);
    const exponent = sigma ** maskBlendPower * maskBlendScale;
    const shares = mask.map((m) => m ** exponent);
    mixLatents(denoised, original, shares, inpaintDetailPreservation, channels);
    return denoised;
  };
}

/**
 * Mixes `original` into `latent` [images, channels, cells], of which `shares` [cells] is left. Lengths of the vectors of
 * a cell are mixed as powers of `detail`: the higher, the nearer to the longer one.
 */
function mixLatents(
  latent: Latent,
  original: Float32Array,
  shares: Float32Array,
  detail: number,
  channels: number,
): void {
  const cells = shares.length;
  for (let start = 0; start < latent.length; start += channels * cells) {
    for (let i = 0; i < cells; i++) {
      const t = shares[i]!;
      let [kept, painted, mixed] = [0, 0, 0];
      for (let at = start + i, c = 0; c < channels; c++, at += cells) {
        const [a, b] = [original[at]!, latent[at]!];
        const value = a * (1 - t) + b * t;
        kept += a * a;
        painted += b * b;
        mixed += value * value;
        latent[at] = value;
      }
      const wanted = (Math.sqrt(kept) ** detail * (1 - t) + Math.sqrt(painted) ** detail * t) ** (1 / detail);
      const factor = wanted / (Math.sqrt(mixed) + 1e-5);
      for (let at = start + i, c = 0; c < channels; c++, at += cells) latent[at]! *= factor;
    }
  }
}

/** [pixels] 0..255: where a picture has changed so much that it is shown; elsewhere the original is. */
export function changedPixels(
  latent: Float32Array,
  original: Float32Array,
  mask: Float32Array,
  sizes: { readonly size: PlaneSize; readonly latentSize: PlaneSize },
  soft: SoftSettings,
): Uint8Array {
  const { compositeMaskInfluence: influence, compositeDifferenceThreshold: threshold } = soft;
  const cells = mask.length;
  const distances = new Float32Array(cells);
  for (let i = 0; i < latent.length; i++) distances[i % cells]! += (latent[i]! - original[i]!) ** 2;
  const { latentSize, size } = sizes;
  const largest = rankedMeans(distances.map(Math.sqrt), latentSize, 0.9, 1);
  const smooth = rankedMeans(largest, latentSize, 0.25, 0.75);
  const shown = smooth.map((distance, i) => {
    const scalar =
      0.5 * (1 - influence) + (1 - Math.min(Math.max(mask[i]!, 0), 1) ** (soft.maskBlendScale / 2)) * influence;
    const half = threshold * (scalar / (1.00001 - scalar));
    const kept = 1 / (1 + (distance / half) ** soft.compositeDifferenceContrast);
    // A threshold of nothing shows whatever has changed at all.
    return Math.trunc(255 * (1 - smootherStep(Number.isNaN(kept) ? 1 : kept)));
  });
  const large = resizePlanes(shown, latentSize, size, 'lanczos', (v) => Math.min(Math.max(Math.round(v), 0), 255));
  return blurBytes(Uint8Array.from(large), size, 4, 4);
}

const smootherStep = (x: number): number => x * x * x * (x * (6 * x - 15) + 10);

const radius = 2;
/** [5, 5] A Gaussian that reaches zero one cell beyond its edge. */
const kernel = Float64Array.from({ length: (2 * radius + 1) ** 2 }, (_, i) => {
  const [x, y] = [(i % (2 * radius + 1)) - radius, Math.floor(i / (2 * radius + 1)) - radius];
  const bell = (squared: number): number => Math.exp(-squared / 1.5 ** 2);
  const end = bell((radius + 1) ** 2);
  return Math.max(0, (bell(x * x + y * y) - end) / (1 - end));
});

/**
 * Each cell as the mean of those around it whose weighted rank lies between two parts of all, 0..1, over a weight of at
 * least 1: a median filter where both are near a half, a maximum near 1.
 */
function rankedMeans(values: Float32Array, { width, height }: PlaneSize, from: number, to: number): Float32Array {
  const out = new Float32Array(values.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const around: [value: number, weight: number][] = [];
      for (let dy = -radius; dy <= radius; dy++) {
        for (let dx = -radius; dx <= radius; dx++) {
          if (y + dy < 0 || y + dy >= height || x + dx < 0 || x + dx >= width) continue;
          const weight = kernel[(dy + radius) * (2 * radius + 1) + dx + radius]!;
          around.push([values[(y + dy) * width + x + dx]!, weight]);
        }
      }
      out[y * width + x] = rankedMean(around, from, to);
    }
  }
  return out;
}

function rankedMean(around: [value: number, weight: number][], from: number, to: number): number {
  around.sort(([a], [b]) => a - b);
  const total = around.reduce((sum, [, weight]) => sum + weight, 0);
  const [low, high] = windowOf(total * from, total * to, total);
  let [start, sum, weights] = [0, 0, 0];
  for (const [value, weight] of around) {
    const part = Math.min(high, start + weight) - Math.max(low, start);
    if (part > 0) {
      sum += value * part;
      weights += part;
    }
    start += weight;
  }
  return weights === 0 ? 0 : sum / weights;
}

/** At least 1 wide, moved inside. */
function windowOf(low: number, high: number, total: number): [number, number] {
  if (high - low >= 1) return [low, high];
  const middle = (low + high) / 2;
  const start = Math.max(Math.min(middle - 0.5, total - 1), 0);
  return [start, start + 1];
}
