/**
 * The diffusion objective: how a noisy latent, its target and its weight follow from a timestep.
 *
 * x_t = sqrt(abar) x0 + sqrt(1 - abar) eps (Ho et al. 2020, arXiv:2006.11239, eq. 4); v = sqrt(abar) eps -
 * sqrt(1 - abar) x0 (Salimans and Ho 2022, arXiv:2202.00512); min-SNR weights (Hang et al. 2023, arXiv:2303.09556).
 */

export type Prediction = 'eps' | 'v' | 'x0';

/** Weight of the squared error at a timestep; 1 everywhere when `gamma` is left out. */
export function lossWeight(prediction: Prediction, alphaBar: number, gamma?: number): number {
  if (gamma === undefined) return 1;
  const snr = alphaBar / (1 - alphaBar);
  const clipped = Math.min(snr, gamma);
  switch (prediction) {
    case 'eps':
      return clipped / snr;
    case 'v':
      return clipped / (snr + 1);
    case 'x0':
      return clipped;
  }
}

/** Coefficients of x0 and eps in the target. */
export function targetCoefficients(prediction: Prediction, alphaBar: number): { x0: number; eps: number } {
  switch (prediction) {
    case 'eps':
      return { x0: 0, eps: 1 };
    case 'v':
      return { x0: -Math.sqrt(1 - alphaBar), eps: Math.sqrt(alphaBar) };
    case 'x0':
      return { x0: 1, eps: 0 };
  }
}

/** x_t and the target for a batch; `latents` and `noise` hold `alphaBars.length` items of equal size. */
export function diffuse(
  latents: Float32Array,
  noise: Float32Array,
  alphaBars: readonly number[],
  prediction: Prediction,
): { noisy: Float32Array; target: Float32Array } {
  const item = latents.length / alphaBars.length;
  const noisy = new Float32Array(latents.length);
  const target = new Float32Array(latents.length);
  alphaBars.forEach((alphaBar, n) => {
    const signal = Math.sqrt(alphaBar);
    const spread = Math.sqrt(1 - alphaBar);
    const k = targetCoefficients(prediction, alphaBar);
    for (let i = n * item; i < (n + 1) * item; i++) {
      noisy[i] = signal * latents[i]! + spread * noise[i]!;
      target[i] = k.x0 * latents[i]! + k.eps * noise[i]!;
    }
  });
  return { noisy, target };
}
