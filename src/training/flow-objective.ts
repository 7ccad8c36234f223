/**
 * Rectified flow (Liu et al. 2023, arXiv:2209.03003) with the timestep densities of Esser et al. 2024
 * (arXiv:2403.03206, section 3.1). sigma is the share of noise on [0, 1]; the target is the velocity noise - x0.
 */

/** sigma from a standard normal z: logistic of N(mean, std). */
export function logitNormalSigma(z: number, mean = 0, std = 1): number {
  return 1 / (1 + Math.exp(-(mean + std * z)));
}

/** sigma from u uniform on [0, 1]; `scale` above 0 favours the middle. */
export function modeSigma(u: number, scale: number): number {
  return 1 - u - scale * (Math.cos((Math.PI / 2) * u) ** 2 - 1 + u);
}

/** x_t = (1 - sigma) x0 + sigma noise */
export function flowNoisy(x0: number, noise: number, sigma: number): number {
  return (1 - sigma) * x0 + sigma * noise;
}

export function flowVelocity(x0: number, noise: number): number {
  return noise - x0;
}

/** The clean element that a velocity at x_t stands for. */
export function cleanFromVelocity(noisy: number, velocity: number, sigma: number): number {
  return noisy - sigma * velocity;
}
