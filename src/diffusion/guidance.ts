/**
 * Guidance: how predictions under several conditions become one. All are linear in the predictions, so that they may be
 * applied to network outputs or to denoised latents alike (dynamic thresholding to x0 only).
 *
 * Sources: Ho and Salimans 2022 (classifier-free guidance); Liu et al. 2022 (composable diffusion, A1111's AND); Brooks
 * et al. 2023 (InstructPix2Pix); Lin et al. 2023 section 3.4 (rescale); Saharia et al. 2022 section 2.3 (dynamic
 * thresholding).
 */

import { InternalError } from '#core/errors';
import { combine, emptyLike, type Latent } from './numbers.ts';

/**
 * uncond + scale * (cond - uncond).
 * @internal An oracle of tests.
 */
export function classifierFree(uncond: Latent, cond: Latent, scale: number): Latent {
  return combine([1 - scale, uncond], [scale, cond]);
}

/** uncond + sum over conditions of weight * scale * (cond - uncond). */
export function composable(
  uncond: Latent,
  conds: readonly Latent[],
  weights: readonly number[],
  scale: number,
): Latent {
  if (conds.length !== weights.length) {
    throw new InternalError(`composable guidance got ${conds.length} conditions and ${weights.length} weights`);
  }
  const total = weights.reduce((sum, weight) => sum + weight * scale, 0);
  return combine([1 - total, uncond], ...conds.map((cond, i) => [weights[i]! * scale, cond] as const));
}

/** uncond + scale * (cond - image) + imageScale * (image - uncond), `image` being conditioned on the picture alone. */
export function instructPix2Pix(
  uncond: Latent,
  image: Latent,
  cond: Latent,
  scale: number,
  imageScale: number,
): Latent {
  return combine([1 - imageScale, uncond], [imageScale - scale, image], [scale, cond]);
}

/** Scales each sample of `guided` towards the standard deviation of `cond`; `phi` 0 leaves it, 1 rescales fully. */
export function rescaleGuidance(guided: Latent, cond: Latent, phi: number, batch: number): Latent {
  const out = emptyLike(guided);
  const size = guided.length / batch;
  for (let start = 0; start < guided.length; start += size) {
    const ratio = deviation(cond.subarray(start, start + size)) / deviation(guided.subarray(start, start + size));
    const factor = phi * ratio + (1 - phi);
    for (let i = start; i < start + size; i++) out[i] = guided[i]! * factor;
  }
  return out;
}

function meanOf(values: Latent): number {
  let sum = 0;
  for (const v of values) sum += v;
  return sum / values.length;
}

/** Unbiased standard deviation. */
function deviation(values: Latent): number {
  const mean = meanOf(values);
  let squares = 0;
  for (const v of values) squares += (v - mean) ** 2;
  return Math.sqrt(squares / (values.length - 1));
}

/**
 * Clips each sample of x0 at the `ratio` quantile of its absolute values (between 1 and `largest`) and divides by it.
 * @internal For tests and benchmarks.
 */
export function dynamicThreshold(x0: Latent, ratio: number, largest: number, batch: number): Latent {
  const out = emptyLike(x0);
  const size = x0.length / batch;
  for (let start = 0; start < x0.length; start += size) {
    const bound = Math.min(Math.max(absoluteQuantile(x0.subarray(start, start + size), ratio), 1), largest);
    for (let i = start; i < start + size; i++) out[i] = Math.min(Math.max(x0[i]!, -bound), bound) / bound;
  }
  return out;
}

/**
 * Dynamic thresholding for latents, whose channels have no common range: in each of `planes` equal parts the deviations
 * from the mean are clipped at their `ratio` quantile and scaled to the largest that `mimic`, the same at a gentler
 * guidance, has. Where `mimic` is the wider of the two, nothing is clipped. The rule of the Dynamic Thresholding
 * extension (A. Goodwin, "CFG scale fix"), after Saharia et al. 2022, section 2.3.
 */
export function mimicThreshold(guided: Latent, mimic: Latent, ratio: number, planes: number): Latent {
  const out = emptyLike(guided);
  const size = guided.length / planes;
  for (let start = 0; start < guided.length; start += size) {
    const own = guided.subarray(start, start + size);
    const wanted = mimic.subarray(start, start + size);
    const mean = meanOf(own);
    const centred = own.map((v) => v - mean);
    const mimicMean = meanOf(wanted);
    let largest = 0;
    for (const v of wanted) largest = Math.max(largest, Math.abs(v - mimicMean));
    const bound = Math.max(largest, absoluteQuantile(centred, ratio));
    const factor = bound === 0 ? 0 : largest / bound;
    for (let i = 0; i < size; i++) out[start + i] = mean + Math.min(Math.max(centred[i]!, -bound), bound) * factor;
  }
  return out;
}

/** Quantile of |values|, linear between order statistics. */
function absoluteQuantile(values: Latent, ratio: number): number {
  const sorted = Float64Array.from(values, Math.abs).sort();
  const position = ratio * (sorted.length - 1);
  const low = Math.floor(position);
  const high = Math.min(low + 1, sorted.length - 1);
  return sorted[low]! + (position - low) * (sorted[high]! - sorted[low]!);
}
