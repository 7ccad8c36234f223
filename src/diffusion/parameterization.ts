/**
 * Denoisers from networks: whatever a network was trained to predict (noise, velocity, the clean latent, a flow), a
 * sampler sees `(x, sigma) -> denoised`.
 *
 * Sources: Salimans and Ho 2022 (v), Karras et al. 2022 table 1 (EDM), Lipman et al. 2023 (flow), k-diffusion
 * external.py for scalings in sigma form. x = x0 + sigma * noise throughout; the network of eps, v and x0 models takes
 * the variance-preserving x / sqrt(1 + sigma^2).
 */

import type { NoiseTable } from './noise-table.ts';
import { nearestTimestep } from './noise-table.ts';
import { combine, emptyLike, type Latent, type Sigma, type Timestep } from './numbers.ts';

/** The estimate of the clean latent from `x` at noise level `sigma` > 0; same shape as `x`. */
export type Denoise = (x: Latent, sigma: Sigma) => Promise<Latent>;

/** The network as trained: scaled latent and timestep to prediction, same shape; `sigma` is the same noise as a level. */
export type Network = (x: Latent, timestep: Timestep, sigma: Sigma) => Promise<Latent>;

/** What a network predicts: the noise, the velocity (Salimans & Ho 2022), the clean latent, or a flow's velocity. */
export type Prediction = 'eps' | 'v' | 'x0' | 'flow';

interface Scaling {
  /** Factor of the network's input. */
  input(sigma: number): number;
  /** denoised = skip * x + out * prediction. */
  skip(sigma: number): number;
  out(sigma: number): number;
}

const varianceScale = (sigma: number) => Math.sqrt(1 + sigma * sigma);

const scalings = {
  eps: { input: (s) => 1 / varianceScale(s), skip: () => 1, out: (s) => -s },
  v: {
    input: (s) => 1 / varianceScale(s),
    skip: (s) => 1 / (1 + s * s),
    out: (s) => -s / varianceScale(s),
  },
  x0: { input: (s) => 1 / varianceScale(s), skip: () => 0, out: () => 1 },
  flow: { input: () => 1, skip: () => 1, out: (s) => -s },
} as const satisfies Record<Prediction, Scaling>;

export interface DenoiserOptions {
  readonly network: Network;
  readonly prediction: Prediction;
  readonly table: NoiseTable;
  /** What the network is told at a noise level, e.g. `timestepLookup(schedule, table)`; the table's when left out. */
  readonly timestepOf?: (sigma: Sigma) => Timestep;
  /** Round to the nearest whole timestep (A1111's `enable_quantization`). */
  readonly quantize?: boolean;
}

/** Wraps a network for samplers. */
export function createDenoiser({ network, prediction, table, timestepOf, quantize }: DenoiserOptions): Denoise {
  const timestepAt = timestepOf ?? ((sigma: Sigma) => table.timestepAt(sigma));
  return async (x, sigma) => {
    const timestep = quantize ? nearestTimestep(table, sigma) : timestepAt(sigma);
    const output = await network(scaleInput(prediction, x, sigma), timestep, sigma);
    return denoisedFrom(prediction, x, output, sigma);
  };
}

/** What the network of a `prediction` takes for the latent `x` at `sigma`. */
export function scaleInput(prediction: Prediction, x: Latent, sigma: number): Latent {
  const factor = scalings[prediction].input(sigma);
  const out = emptyLike(x);
  for (let i = 0; i < x.length; i++) out[i] = x[i]! * factor;
  return out;
}

/** The clean latent that a network's output stands for. */
function denoisedFrom(prediction: Prediction, x: Latent, output: Latent, sigma: number): Latent {
  const scaling = scalings[prediction];
  return combine([scaling.skip(sigma), x], [scaling.out(sigma), output]);
}

/** The clean latent that a network's `output` stands for, given its `input`. */
export function cleanFrom(prediction: Prediction, input: Latent, output: Latent, sigma: number): Latent {
  const scaling = scalings[prediction];
  return combine([scaling.skip(sigma) / scaling.input(sigma), input], [scaling.out(sigma), output]);
}

/** Inverse of `cleanFrom`. */
export function predictionFrom(prediction: Prediction, input: Latent, clean: Latent, sigma: number): Latent {
  const scaling = scalings[prediction];
  const out = scaling.out(sigma);
  return combine([1 / out, clean], [-scaling.skip(sigma) / scaling.input(sigma) / out, input]);
}

/** What the network takes for a clean latent with so much noise. */
export function renoised(prediction: Prediction, clean: Latent, noise: Latent, sigma: number): Latent {
  const kept = prediction === 'flow' ? 1 - sigma : 1;
  return scaleInput(prediction, combine([kept, clean], [sigma, noise]), sigma);
}

/** The unit noise that a network's `output` stands for, given its `input`. */
export function noiseFrom(prediction: Prediction, input: Latent, output: Latent, sigma: number): Latent {
  if (prediction === 'eps') return output;
  const clean = cleanFrom(prediction, input, output, sigma);
  // Of x0 + sigma n, or of a flow's (1 - sigma) x0 + sigma n.
  const kept = prediction === 'flow' ? 1 - sigma : 1;
  return combine([1 / sigma / scalings[prediction].input(sigma), input], [-kept / sigma, clean]);
}

/**
 * Karras et al. 2022: preconditioning and loss weight of EDM at noise level `sigma`.
 * @internal Held to its goldens; nothing asks for it yet.
 */
export function edmPreconditioning(sigma: number, sigmaData = 0.5) {
  const total = sigma * sigma + sigmaData * sigmaData;
  return {
    skip: (sigmaData * sigmaData) / total,
    out: (sigma * sigmaData) / Math.sqrt(total),
    input: 1 / Math.sqrt(total),
    noise: Math.log(sigma) / 4,
    lossWeight: total / (sigma * sigmaData) ** 2,
  };
}
