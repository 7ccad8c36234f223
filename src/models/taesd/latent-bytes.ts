/** Latents as pictures of 8 bits: madebyollin/taesd `scale_latents` and `unscale_latents`, magnitude 3, shift 0.5. */

const magnitude = 6;

/**
 * To 0..1, what lies beyond clipped.
 * @internal Held to its goldens; nothing asks for it yet.
 */
export function scaledLatent(latent: ArrayLike<number>): Float32Array {
  return Float32Array.from(latent, (v) => Math.min(Math.max(v / magnitude + 0.5, 0), 1));
}

/**
 * And back.
 * @internal Held to its goldens; nothing asks for it yet.
 */
export function unscaledLatent(scaled: ArrayLike<number>): Float32Array {
  return Float32Array.from(scaled, (v) => (v - 0.5) * magnitude);
}
