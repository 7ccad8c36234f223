/**
 * The network that samplers see: a latent and a timestep in, one guided prediction out. Conditional and unconditional
 * pass share a run where their contexts are equally long, as in A1111.
 *
 * Guidance acts on predictions; on denoised latents it would give the same, both being linear.
 */

import { DarkroomError } from '#core/errors';
import { f32 } from '#core/tensor';
import { classifierFree } from '#diffusion/guidance';
import type { Latent } from '#diffusion/numbers';
import type { Denoise, Network } from '#diffusion/parameterization';
import type { Session } from '#engine/backend';
import type { DenoiserPart } from '#models/family';
import type { Conditioning, Context } from './conditioning.ts';
import { joinChannels } from './planes.ts';

/** [images, channels, height, width] of a batch's latents. */
export type BatchShape = readonly [images: number, channels: number, height: number, width: number];

export interface GuidedNetworkOptions {
  readonly session: Session;
  readonly part: DenoiserPart;
  readonly shape: BatchShape;
  readonly cond: Conditioning;
  readonly uncond: Conditioning;
  /** 1 leaves the unconditional pass out. */
  readonly cfgScale: number;
  /** Planes that follow the latent's channels, [images, inChannels - channels, height, width]; neither scaled nor noised. */
  readonly extra?: Float32Array | undefined;
}

/** Thrown when a part's output holds NaN or infinity; a picture made from it would be black. */
export class NonFiniteError extends DarkroomError {
  readonly component: string;

  constructor(component: string, message: string) {
    super('engine.non-finite', message);
    this.component = component;
  }
}

/** @throws NonFiniteError naming the part and the step. */
export function guidedNetwork(options: GuidedNetworkOptions): Network {
  const { cond, uncond, cfgScale, part } = options;
  let calls = 0;
  return async (x, timestep) => {
    const call = calls++;
    const positive = cond.at(call);
    if (cfgScale === 1) {
      const [prediction] = await predict(options, x, timestep, [positive]);
      return checkFinite(prediction!, part.component, timestep);
    }
    const negative = uncond.at(call);
    const together = positive.tokens === negative.tokens;
    const [c, u] = together
      ? await predict(options, x, timestep, [positive, negative])
      : [(await predict(options, x, timestep, [positive]))[0], (await predict(options, x, timestep, [negative]))[0]];
    return checkFinite(classifierFree(u!, c!, cfgScale), part.component, timestep);
  };
}

/** Predictions for the same latents under each context, in one run. */
async function predict(
  { session, part, shape, extra }: GuidedNetworkOptions,
  x: Latent,
  timestep: number,
  contexts: readonly Context[],
): Promise<Latent[]> {
  const [images, channels, height, width] = shape;
  const cells = height * width;
  const own = x instanceof Float32Array ? x : Float32Array.from(x);
  const input = extra ? joinChannels(own, extra, images, cells) : own;
  const runs = contexts.length * images;
  const sample = new Float32Array(contexts.length * input.length);
  for (let i = 0; i < contexts.length; i++) sample.set(input, i * input.length);
  const { tokens } = contexts[0]!;
  const { prediction } = await session.run({
    sample: f32([runs, part.inChannels, height, width], sample),
    timestep: f32([runs], new Float32Array(runs).fill(timestep)),
    context: f32([runs, tokens, part.contextWidth], repeatContexts(contexts, images)),
  });
  const data = prediction!.data as Float32Array;
  const size = images * channels * cells;
  return contexts.map((_, i) => data.subarray(i * size, (i + 1) * size));
}

/** Each context once for every image: [contexts * images, tokens, width]. */
function repeatContexts(contexts: readonly Context[], images: number): Float32Array {
  const size = contexts[0]!.data.length;
  const out = new Float32Array(contexts.length * images * size);
  for (const [i, { data }] of contexts.entries()) {
    for (let k = 0; k < images; k++) out.set(data, (i * images + k) * size);
  }
  return out;
}

function checkFinite(values: Latent, component: string, timestep: number): Latent {
  if (isFiniteArray(values)) return values;
  const message = `The ${component} gave values that are not numbers (NaN) at timestep ${Math.round(timestep)}.`;
  throw new NonFiniteError(component, message);
}

/** A sum is finite only where all terms are, short of an overflow that float64 does not meet here. */
export function isFiniteArray(values: Latent): boolean {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return Number.isFinite(sum);
}

/**
 * Inpainting without an inpainting network: what the mask excludes is taken from the original, so that every sampler
 * carries it along at its own noise level. A1111's rule, which blends the denoised latent.
 */
export function keepUnmasked(denoise: Denoise, original: Float32Array, mask: Float32Array): Denoise {
  return async (x, sigma) => {
    const denoised = await denoise(x, sigma);
    blendUnmasked(denoised, original, mask);
    return denoised;
  };
}

/** Writes `original` over `latent` [images, channels, cells] where `mask` [cells] is 0; 1 leaves it. */
export function blendUnmasked(latent: Latent, original: Float32Array, mask: Float32Array): void {
  const cells = mask.length;
  for (let i = 0; i < latent.length; i++) {
    const m = mask[i % cells]!;
    latent[i] = m * latent[i]! + (1 - m) * original[i]!;
  }
}
