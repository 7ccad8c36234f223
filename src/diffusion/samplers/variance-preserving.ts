/** Samplers written for x = sqrt(alpha-bar) x0 + sqrt(1 - alpha-bar) noise, over denoisers of x0 + sigma noise. */

import { emptyLike, type Latent, type Sigma } from '../numbers.ts';
import type { Denoise } from '../parameterization.ts';

/** sqrt(1 + sigma^2) = 1 / sqrt(alpha-bar): factor from the variance-preserving to the variance-exploding latent. */
export function explodingScale(sigma: number): number {
  return Math.sqrt(1 + sigma * sigma);
}

/** The clean latent and the unit noise that `x` at `sigma` is estimated to be made of. */
export async function predictVp(
  denoise: Denoise,
  x: Latent,
  sigma: Sigma,
): Promise<{ denoised: Latent; epsilon: Latent }> {
  const scale = explodingScale(sigma);
  const scaled = emptyLike(x);
  for (let i = 0; i < x.length; i++) scaled[i] = x[i]! * scale;
  const denoised = await denoise(scaled, sigma);
  const epsilon = emptyLike(x);
  for (let i = 0; i < x.length; i++) epsilon[i] = (x[i]! * scale - denoised[i]!) / sigma;
  return { denoised, epsilon };
}
