/**
 * The network that samplers see: a latent and a timestep in, one guided prediction out. Conditional and unconditional
 * pass share a run where their contexts are equally long, as in A1111.
 */

import { f32, type HostTensor } from '#core/tensor';
import type { Latent } from '#diffusion/numbers';
import { type Denoise, type Network, noiseFrom, type Prediction } from '#diffusion/parameterization';
import { explodingScale } from '#diffusion/samplers/variance-preserving';
import type { Session } from '#engine/backend';
import { perturbInput } from '#models/adjust/perturbed-attention';
import type { Condition, DenoiserPart } from '#models/family';
import type { Conditioning, Context, WeightedConditioning } from './conditioning.ts';
import type { StepControl } from './control/step-control.ts';
import { type Guidance, guide, skipsUncond } from './guidance.ts';
import { checkFinite } from './non-finite.ts';
import { joinChannels } from './planes.ts';

/** [images, channels, height, width] of a batch's latents. */
export type BatchShape = readonly [images: number, channels: number, height: number, width: number];

export interface GuidedNetworkOptions {
  readonly session: Session;
  readonly part: DenoiserPart;
  readonly shape: BatchShape;
  /** Of the picture that is made, pixels. */
  readonly size: Condition['size'];
  /** At least one. */
  readonly cond: readonly WeightedConditioning[];
  readonly uncond: Conditioning;
  readonly guidance: Guidance;
  readonly prediction: Prediction;
  /** Noise levels of `guidance` are compared with timesteps: A1111's way with its samplers on timesteps. */
  readonly levelsAreTimesteps?: boolean | undefined;
  /** Given the unconditional noise estimate of each call, which is then always made. */
  readonly onUnconditional?: ((noise: Latent) => void) | undefined;
  /** Planes that follow the latent's channels, [images, inChannels - channels, height, width]; neither scaled nor noised. */
  readonly extra?: Float32Array | undefined;
  /** Feeds what its graph has beside its own inputs. */
  readonly control?: StepControl | undefined;
}

/** @throws NonFiniteError naming the part and the step. */
export function guidedNetwork(options: GuidedNetworkOptions): Network {
  const { cond, uncond, guidance, part, prediction, shape, onUnconditional } = options;
  const weights = cond.map(({ weight }) => weight);
  const unguided = guidance.scale === 1 && weights.length === 1 && weights[0] === 1 && !onUnconditional;
  let calls = 0;
  return async (x, timestep, sigma) => {
    const call = calls++;
    const skips = unguided || skipsUncond(guidance, call, options.levelsAreTimesteps ? timestep : sigma);
    const contexts = cond.map(({ conditioning }) => conditioning.at(call));
    const passes = [
      ...contexts.map((context): Pass => ({ context })),
      ...(guidance.perturbed ? contexts.map((context): Pass => ({ context, perturbed: true })) : []),
      ...(skips ? [] : [{ context: uncond.at(call), negative: true }]),
    ];
    const outputs = await predictAll(options, { x, timestep, call }, passes);
    const [images, channels] = shape;
    const unconditional = skips ? undefined : outputs.at(-1);
    const conds = outputs.slice(0, weights.length);
    const perturbed = guidance.perturbed ? outputs.slice(weights.length, 2 * weights.length) : undefined;
    const given = { conds, weights, uncond: unconditional, perturbed, input: x, sigma, prediction, images, channels };
    const guided = guide(guidance, given);
    onUnconditional?.(noiseFrom(prediction, x, unconditional ?? conds[0]!, sigma));
    checkFinite(guided, part.component, `denoising at timestep ${Math.round(timestep)}`);
    return guided;
  };
}

/** One prediction of a call. */
interface Pass {
  readonly context: Context;
  /** With the attention that perturbed-attention guidance leads away from. */
  readonly perturbed?: boolean;
  readonly negative?: boolean;
}

interface DenoiserCall {
  readonly x: Latent;
  readonly timestep: number;
  /** Calls before this one. */
  readonly call: number;
}

/** Predictions for the same latents in each pass; those with contexts of equal length share a run. */
async function predictAll(options: GuidedNetworkOptions, at: DenoiserCall, passes: readonly Pass[]): Promise<Latent[]> {
  const predictions: Latent[] = [];
  for (const tokens of new Set(passes.map(({ context }) => context.tokens))) {
    const indices = [...passes.keys()].filter((i) => passes[i]!.context.tokens === tokens);
    const group = await predict(
      options,
      at,
      indices.map((i) => passes[i]!),
    );
    for (const [k, i] of indices.entries()) predictions[i] = group[k]!;
  }
  return predictions;
}

/** Predictions under contexts of one length, in one run. */
async function predict(
  { session, part, shape, size: picture, extra, guidance, control }: GuidedNetworkOptions,
  { x, timestep, call }: DenoiserCall,
  passes: readonly Pass[],
): Promise<Latent[]> {
  const [images, channels, height, width] = shape;
  const cells = height * width;
  const own = x instanceof Float32Array ? x : Float32Array.from(x);
  const input = extra ? joinChannels(own, extra, images, cells) : own;
  const runs = passes.length * images;
  const sample = new Float32Array(passes.length * input.length);
  for (let i = 0; i < passes.length; i++) sample.set(input, i * input.length);
  const contexts = passes.map(({ context }) => context);
  const { tokens } = contexts[0]!;
  const perturb = Float32Array.from({ length: runs }, (_, i) => (passes[Math.floor(i / images)]!.perturbed ? 1 : 0));
  const feeds = {
    sample: f32([runs, part.inChannels, height, width], sample),
    timestep: f32([runs], new Float32Array(runs).fill(timestep)),
    context: f32(
      [runs, tokens, part.contextWidth],
      repeatRows(
        contexts.map(({ data }) => data),
        images,
      ),
    ),
    ...feedsOf(part, passes, picture, images),
    ...(guidance.perturbed ? { [perturbInput]: f32([runs], perturb) } : {}),
  };
  const controlled = passes.map(({ negative = false }) => ({ negative }));
  const further = await control?.feeds({ feeds, passes: controlled, images, call, session });
  const { prediction } = await session.run({ ...feeds, ...further });
  const data = prediction!.data as Float32Array;
  const size = images * channels * cells;
  return passes.map((_, i) => data.subarray(i * size, (i + 1) * size));
}

/** What the network reads beside latent, timestep and context, a row for each pass and image. */
function feedsOf(
  part: DenoiserPart,
  passes: readonly Pass[],
  size: Condition['size'],
  images: number,
): Record<string, HostTensor> {
  const feeds = passes.map(({ context, negative = false }) => part.feeds?.({ pooled: context.pooled, size, negative }));
  return Object.fromEntries(
    Object.entries(feeds[0] ?? {}).map(([name, { length }]) => {
      const rows = repeatRows(
        feeds.map((of) => of![name]!),
        images,
      );
      return [name, f32([passes.length * images, length], rows)];
    }),
  );
}

/** Each row once for every image, one after the other. */
function repeatRows(rows: readonly Float32Array[], images: number): Float32Array {
  const { length } = rows[0]!;
  const out = new Float32Array(rows.length * images * length);
  for (const [i, row] of rows.entries()) {
    for (let k = 0; k < images; k++) out.set(row, (i * images + k) * length);
  }
  return out;
}

/**
 * Inpainting without an inpainting network: what the mask excludes is taken from the original, so that every sampler
 * carries it along at its own noise level. A1111's rule for most samplers, which blends the denoised latent.
 */
export function keepUnmasked(denoise: Denoise, original: Float32Array, mask: Float32Array): Denoise {
  return async (x, sigma) => {
    const denoised = await denoise(x, sigma);
    blendUnmasked(denoised, original, mask);
    return denoised;
  };
}

/**
 * The same for samplers on timesteps (`maskBefore` in their row): A1111 shows the network the clean original where
 * nothing is repainted, and takes from it the noise alone, so that the sampler's own state goes on there.
 */
export function showUnmasked(denoise: Denoise, original: Float32Array, mask: Float32Array): Denoise {
  return async (x, sigma) => {
    const shown = x.slice();
    // The original is clean in the variance-preserving latent that those samplers work on.
    const scale = explodingScale(sigma);
    blendUnmasked(shown, original, mask, scale);
    const denoised = await denoise(shown, sigma);
    for (let i = 0; i < x.length; i++) denoised[i]! += x[i]! - shown[i]!;
    return denoised;
  };
}

/** Writes `scale` times `original` over `latent` [images, channels, cells] where `mask` [cells] is 0; 1 leaves it. */
export function blendUnmasked(latent: Latent, original: Float32Array, mask: Float32Array, scale = 1): void {
  const cells = mask.length;
  for (let i = 0; i < latent.length; i++) {
    const m = mask[i % cells]!;
    latent[i] = m * latent[i]! + (1 - m) * scale * original[i]!;
  }
}
