/**
 * From the predictions of one denoiser call to the one that the sampler gets: classifier-free guidance with A1111's AND,
 * the calls that do without the unconditional pass, and what tames strong guidance.
 *
 * Sources: A1111 modules/sd_samplers_cfg_denoiser.py (which calls skip, what they give); diffusers `rescale_noise_cfg`
 * (Lin et al. 2023, on the network's own output); diffusion/guidance.ts for the rest.
 */

import { composable, instructPix2Pix, mimicThreshold, rescaleGuidance } from '#diffusion/guidance';
import { combine, type Latent, type Term } from '#diffusion/numbers';
import { cleanFrom, type Prediction, predictionFrom } from '#diffusion/parameterization';

export interface Guidance {
  /** At 1 a single condition of weight 1 needs no unconditional pass. */
  readonly scale: number;
  /** How far to bring the contrast back to that of unguided predictions, 0..1. */
  readonly rescale?: number | undefined;
  /** Scale of perturbed-attention guidance; 0 makes no further pass. */
  readonly perturbed?: number | undefined;
  /** Scale of self-attention guidance, which needs the unconditional pass and one more after it; 0 makes none. */
  readonly blurred?: number | undefined;
  /** How closely to keep to the picture that the network itself reads; undefined where it reads none. */
  readonly imageScale?: number | undefined;
  /** Dynamic thresholding: the quantile of guided clean estimates that is brought to the largest at `mimicScale`. */
  readonly threshold?: { readonly quantile: number; readonly mimicScale: number } | undefined;
  /** Below this level every second call, or each, does without the unconditional pass. */
  readonly skipBelow?: { readonly level: number; readonly always: boolean } | undefined;
  /** The calls up to this fraction of all do without it; 0 none. */
  readonly skipEarly?: { readonly fraction: number; readonly calls: number } | undefined;
  /** The calls from this fraction of all on do without it; 1 none. */
  readonly skipLate?: { readonly fraction: number; readonly calls: number } | undefined;
}

/** Whether call number `call`, from 0, is one without the unconditional pass. `level`: its noise level. */
export function skipsUncond({ skipBelow, skipEarly, skipLate }: Guidance, call: number, level: number): boolean {
  if (skipEarly && skipEarly.fraction > 0 && call / skipEarly.calls <= skipEarly.fraction) return true;
  if (skipLate && skipLate.fraction < 1 && call / skipLate.calls >= skipLate.fraction) return true;
  if (!skipBelow || skipBelow.level <= 0 || level >= skipBelow.level) return false;
  return skipBelow.always || call % 2 === 1;
}

export interface Predictions {
  readonly conds: readonly Latent[];
  readonly weights: readonly number[];
  /** Absent where the call does without. */
  readonly uncond?: Latent | undefined;
  /** That of the picture alone, for a network that reads one. */
  readonly image?: Latent | undefined;
  /** Those of the conditions with perturbed attention, where such guidance is asked for. */
  readonly perturbed?: readonly Latent[] | undefined;
  /** What the network was given, of the same length. */
  readonly input: Latent;
  readonly sigma: number;
  readonly prediction: Prediction;
  readonly images: number;
  readonly channels: number;
}

/** One prediction of the same shape as each. */
export function guide(guidance: Guidance, predictions: Predictions): Latent {
  return awayFromPerturbed(guidance.perturbed ?? 0, byConditions(guidance, predictions), predictions);
}

/** Guidance + scale * weight * (cond - perturbed) for each condition (Ahn et al. 2024, eq. 12). */
function awayFromPerturbed(scale: number, guided: Latent, { conds, weights, perturbed }: Predictions): Latent {
  if (scale === 0 || !perturbed) return guided;
  const terms = conds.flatMap((cond, i): Term[] => [
    [scale * weights[i]!, cond],
    [-scale * weights[i]!, perturbed[i]!],
  ]);
  return combine([1, guided], ...terms);
}

/** Guidance + scale * (uncond - degraded) (Hong et al. 2023, eq. 17). */
export function awayFromDegraded(scale: number, guided: Latent, uncond: Latent, degraded: Latent): Latent {
  return combine([1, guided], [scale, uncond], [-scale, degraded]);
}

function byConditions(guidance: Guidance, predictions: Predictions): Latent {
  const { conds, weights, image, images } = predictions;
  // Without one of its own the scale of the picture is 1, and what nothing says has no part.
  const uncond = predictions.uncond ?? image;
  const { scale, rescale = 0, threshold, imageScale = 1 } = guidance;
  // As upstream: the first condition stands in for the unconditional one.
  if (!uncond) return conds.length === 1 ? conds[0]! : composable(conds[0]!, conds, weights, 1);
  const at = (strength: number): Latent =>
    image
      ? instructPix2Pix(uncond, image, composable(image, conds, weights, 1), strength, imageScale)
      : composable(uncond, conds, weights, strength);
  const guided = threshold
    ? thresholded(at(scale), at(threshold.mimicScale), threshold.quantile, predictions)
    : at(scale);
  return rescale > 0 ? rescaleGuidance(guided, at(1), rescale, images) : guided;
}

/** Thresholding acts on clean estimates. */
function thresholded(guided: Latent, mimic: Latent, quantile: number, predictions: Predictions): Latent {
  const { prediction, input, sigma, images, channels } = predictions;
  const clean = (output: Latent): Latent => cleanFrom(prediction, input, output, sigma);
  const bounded = mimicThreshold(clean(guided), clean(mimic), quantile, images * channels);
  return predictionFrom(prediction, input, bounded, sigma);
}
