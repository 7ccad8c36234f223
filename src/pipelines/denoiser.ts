/**
 * The network that samplers see: a latent and a timestep in, one guided prediction out. Conditional and unconditional
 * pass share a run where their contexts are equally long, as in A1111.
 */

import type { Latent } from '#diffusion/numbers';
import { type Denoise, type Network, noiseFrom, type Prediction } from '#diffusion/parameterization';
import { explodingScale } from '#diffusion/samplers/variance-preserving';
import { degradedInput } from './blurred-attention.ts';
import type { Conditioning, WeightedConditioning } from './conditioning.ts';
import { awayFromDegraded, type Guidance, guide, skipsUncond } from './guidance.ts';
import { checkFinite } from './non-finite.ts';
import { type DenoiserCall, type Pass, type Predicted, type PredictOptions, predictAll } from './predict.ts';
import { joinRegions } from './regions.ts';

export interface GuidedNetworkOptions extends PredictOptions {
  /** At least one. */
  readonly cond: readonly WeightedConditioning[];
  /** How much of each cell [height * width] each condition decides; undefined where all act everywhere. */
  readonly shares?: readonly Float32Array[] | undefined;
  readonly uncond: Conditioning;
  readonly guidance: Guidance;
  readonly prediction: Prediction;
  /** Noise levels of `guidance` are compared with timesteps: A1111's way with its samplers on timesteps. */
  readonly levelsAreTimesteps?: boolean | undefined;
  /** Given the unconditional noise estimate of each call, which is then always made. */
  readonly onUnconditional?: ((noise: Latent) => void) | undefined;
}

/** @throws NonFiniteError naming the part and the step. */
export function guidedNetwork(options: GuidedNetworkOptions): Network {
  const { shares, guidance, part, prediction, shape, onUnconditional } = options;
  const weights = weightsOf(options);
  const [images, channels] = shape;
  let calls = 0;
  return async (x, timestep, sigma) => {
    const at: DenoiserCall = { x, timestep, sigma, call: calls++ };
    const passes = passesOf(options, at, options.levelsAreTimesteps ? timestep : sigma);
    const made = await predictAll(options, at, Object.values(passes).flat());
    const parted = partedAs(passes, made);
    const uncond = parted.uncond[0] ?? parted.image[0];
    const outputs = (of: readonly Predicted[]): Latent[] => {
      const each = of.map(({ output }) => output);
      return shares ? [joinRegions(each, shares)] : each;
    };
    const given = {
      conds: outputs(parted.conds),
      weights,
      uncond: parted.uncond[0]?.output,
      image: parted.image[0]?.output,
      perturbed: guidance.perturbed ? outputs(parted.perturbed) : undefined,
      ...{ input: x, sigma, prediction, images, channels },
    };
    const guided = await blurredAway(options, at, sigma, guide(guidance, given), uncond);
    onUnconditional?.(noiseFrom(prediction, x, uncond?.output ?? given.conds[0]!, sigma));
    checkFinite(guided, part.component, `denoising at timestep ${Math.round(timestep)}`);
    return guided;
  };
}

type Roles = 'conds' | 'perturbed' | 'image' | 'uncond';
type ByRole<T> = Readonly<Record<Roles, readonly T[]>>;

/** What a call needs: each condition, its perturbed form, the picture alone and nothing. */
function passesOf(options: GuidedNetworkOptions, { call }: DenoiserCall, level: number): ByRole<Pass> {
  const { guidance, cond, uncond } = options;
  const perturbs = Boolean(guidance.perturbed);
  const contexts = cond.map(({ conditioning }) => conditioning.at(call));
  const pass = (context: Pass['context'], more: Partial<Pass> = {}): Pass => ({
    context,
    ...(perturbs ? { perturbed: false } : {}),
    ...more,
  });
  const negative =
    isUnguided(guidance, weightsOf(options), !options.onUnconditional) || skipsUncond(guidance, call, level)
      ? []
      : [uncond.at(call)];
  const byImage = guidance.imageScale !== undefined;
  return {
    conds: contexts.map((context) => pass(context)),
    perturbed: perturbs ? contexts.map((context) => pass(context, { perturbed: true })) : [],
    image: byImage ? negative.map((context) => pass(context, { negative: true })) : [],
    uncond:
      byImage && guidance.imageScale === 1
        ? []
        : negative.map((context) => pass(context, { negative: true, withoutExtra: byImage })),
  };
}

/** Of the conditions, which regions join to one. */
function weightsOf({ cond, shares }: GuidedNetworkOptions): number[] {
  return shares ? [1] : cond.map(({ weight }) => weight);
}

/** Whether a single condition, or one joined of several, is all there is. */
function isUnguided(
  { scale, imageScale = 1, blurred = 0 }: Guidance,
  weights: readonly number[],
  asksNoOther: boolean,
): boolean {
  return scale === 1 && imageScale === 1 && blurred === 0 && weights.length === 1 && weights[0] === 1 && asksNoOther;
}

/** The most that one call runs at once for each picture, of conditions with these weights. */
export function mostPasses(guidance: Guidance, weights: readonly number[], needsUnconditional: boolean): number {
  const conds = weights.length * (guidance.perturbed ? 2 : 1);
  if (isUnguided(guidance, weights, !needsUnconditional)) return conds;
  const byImage = guidance.imageScale !== undefined;
  return conds + (byImage ? 1 : 0) + (byImage && guidance.imageScale === 1 ? 0 : 1);
}

function partedAs<T>(passes: ByRole<Pass>, made: readonly T[]): ByRole<T> {
  const left = [...made];
  const take = (of: readonly Pass[]): T[] => left.splice(0, of.length);
  return {
    conds: take(passes.conds),
    perturbed: take(passes.perturbed),
    image: take(passes.image),
    uncond: take(passes.uncond),
  };
}

/** One prediction more, of the input blurred where the network looks, where self-attention guidance is asked for. */
async function blurredAway(
  options: GuidedNetworkOptions,
  at: DenoiserCall,
  sigma: number,
  guided: Latent,
  uncond: Predicted | undefined,
): Promise<Latent> {
  const { guidance, prediction, shape } = options;
  if (!guidance.blurred || !uncond?.attention) return guided;
  const { output, attention } = uncond;
  const x = degradedInput({ x: at.x, output, sigma, prediction, attention }, shape);
  const context = options.uncond.at(at.call);
  const pass: Pass = { context, negative: true, ...(guidance.perturbed ? { perturbed: false } : {}) };
  const [degraded] = await predictAll(options, { ...at, x }, [pass]);
  return awayFromDegraded(guidance.blurred, guided, output, degraded!.output);
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
