/**
 * Regions: each part of a prompt that AND joins acts in a rectangle of its own. Where several lie, their predictions are
 * averaged by weight and by how much of a cell each covers (the "area" conditions of ComfyUI and the Latent Couple
 * extension, after the regional form of MultiDiffusion, Bar-Tal et al. 2023); where none lies, all parts act.
 *
 * The average takes the place of the conditional prediction, so guidance, rescaling and all that follows is as with one
 * prompt. Parts do not see each other's words, yet the network sees the whole picture: things reach over their edges.
 */

import { UserError } from '#core/errors';
import { emptyLike, type Latent } from '#diffusion/numbers';
import { splitComposition } from '#prompt/composition';
import { type Region, readRegions } from '#prompt/regions';
import type { GenerateRequest } from './request.ts';
import type { LatentSize } from './sessions.ts';
import { wordsOf } from './words.ts';

/** @throws UserError `request.regions` where they do not fit the prompt */
export function checkRegions(request: Pick<GenerateRequest, 'prompt' | 'negativePrompt' | 'regions'>): void {
  const regions = readRegions(request.regions) ?? [];
  if (regions.length === 0) return;
  const parts = splitComposition(wordsOf(request).prompt);
  if (parts.length !== regions.length) {
    const message = `Regions: ${regions.length}; parts of the prompt: ${parts.length}. Give each part that AND joins a region, "all" for the whole picture.`;
    throw new UserError('request.regions', message);
  }
  const odd = parts.find(({ weight }) => weight <= 0);
  if (odd) {
    const message = `With regions the weights of parts must be above 0; "${odd.text.trim()}" has ${odd.weight}.`;
    throw new UserError('request.regions', message);
  }
}

/** How much of each cell [height * width] a part decides, for each part; together 1 everywhere. */
export function regionShares(
  regions: readonly Region[],
  weights: readonly number[],
  { width, height }: LatentSize,
): Float32Array[] {
  const shares = regions.map((region, part) => {
    const share = new Float32Array(width * height);
    for (let y = 0; y < height; y++) {
      const rows = covered(region.top, region.bottom, y, height);
      for (let x = 0; x < width; x++) {
        share[y * width + x] = weights[part]! * rows * covered(region.left, region.right, x, width);
      }
    }
    return share;
  });
  const whole = weights.reduce((all, weight) => all + weight, 0);
  for (let cell = 0; cell < width * height; cell++) {
    const sum = shares.reduce((all, share) => all + share[cell]!, 0);
    for (const [part, share] of shares.entries()) {
      share[cell] = sum > 0 ? share[cell]! / sum : weights[part]! / whole;
    }
  }
  return shares;
}

/** The part of cell `at` of `cells` that lies between two edges, 0..1. */
function covered(from: number, to: number, at: number, cells: number): number {
  return Math.max(0, Math.min(to * cells, at + 1) - Math.max(from * cells, at));
}

/** Predictions [images, channels, height, width] of the parts as one, by their shares. */
export function joinRegions(predictions: readonly Latent[], shares: readonly Float32Array[]): Latent {
  const out = emptyLike(predictions[0]!);
  const cells = shares[0]!.length;
  for (const [part, prediction] of predictions.entries()) {
    const share = shares[part]!;
    for (let i = 0; i < out.length; i++) out[i] = out[i]! + share[i % cells]! * prediction[i]!;
  }
  return out;
}
