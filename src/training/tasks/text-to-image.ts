/**
 * Training a U-Net on cached latents and captions, with its text encoder or beside one that is already trained.
 *
 * A text encoder that starts from nothing learns slowly here: until attention finds the words, the gradient that
 * reaches it is mostly noise. Stable Diffusion's own was trained before and frozen.
 */

import { f32, type HostTensor, i64 } from '#core/tensor';
import type { Feeds } from '#engine/backend';
import { input, mean } from '#graph/build';
import type { ClipTextConfig } from '#models/clip/config';
import { clipText, textEncoderScope } from '#models/clip/network';
import { initialValue } from '#models/nn/init';
import { Scope } from '#models/nn/scope';
import type { UNetConfig } from '#models/unet/config';
import { unet, unetScope } from '#models/unet/network';
import { diffuse, type LossWeighting, lossWeight, type Prediction } from '../diffusion-objective.ts';
import type { TrainingTask } from '../loop.ts';
import { weightedMse } from '../losses.ts';
import { drawPyramidNoise, offsetNoise, perturbNoise } from '../noise.ts';
import type { RandomSource } from '../random.ts';
import type { Objective } from '../step.ts';
import { compactIds } from '../vocabulary.ts';

/** Latents in U-Net scale with the token ids of their captions. */
export interface LatentSource {
  /** [channels, height, width] */
  readonly shape: readonly [number, number, number];
  /** `count` random items: latents [count, ...shape] and ids [count, positions] of the full vocabulary. */
  draw(random: RandomSource, count: number): { latents: Float32Array; ids: Int32Array };
}

/** Departures from white noise, see noise.ts; each is off when left out. */
export interface NoiseOptions {
  /** Strength of one value an item and channel, added to the noise. */
  readonly offset?: number;
  /** Strength of noise that only the network's input gets. */
  readonly inputPerturbation?: number;
  /** Weight of each further level of pyramid noise. */
  readonly pyramidDiscount?: number | undefined;
}

export interface TextToImageOptions {
  readonly textEncoder: ClipTextConfig;
  readonly unet: UNetConfig;
  readonly source: LatentSource;
  /** Cumulative products of the noise schedule, by timestep. */
  readonly alphaBars: ArrayLike<number>;
  readonly batchSize: number;
  readonly prediction: Prediction;
  readonly weighting?: LossWeighting;
  readonly noise?: NoiseOptions | undefined;
  /** Share of captions replaced by the empty one, for classifier-free guidance. */
  readonly captionDropout: number;
  /** Ids of the empty caption. */
  readonly emptyIds: Int32Array;
  /** Token ids that occur, ascending; rows of the training table. */
  readonly vocabulary: Int32Array;
  /** The text encoder's weights, by canonical name with the compact table, where it does not learn. */
  readonly frozenTextEncoder?: ReadonlyMap<string, HostTensor> | undefined;
}

export function textToImageTask(
  options: TextToImageOptions,
  hooks: Pick<TrainingTask, 'sample' | 'publish'> = {},
): TrainingTask {
  const scopes = { text: new Scope(textEncoderScope), unet: new Scope(unetScope) };
  const objective = textToImageObjective(scopes, options);
  const frozen = options.frozenTextEncoder;
  const declared = [...scopes.text.declared(), ...scopes.unet.declared()];
  const initializers = new Map(declared.map((p) => [p.name, p.initializer]));
  return {
    name: 'text-to-image',
    objective: () => objective,
    initialise: (name, shape, random) => initialValue(shape, initializers.get(name)!, random).data as Float32Array,
    batch: (random) => Promise.resolve(drawBatch(options, random)),
    ...(frozen && { frozen, trains: (name: string) => !frozen.has(name) }),
    ...hooks,
  };
}

function textToImageObjective(scopes: { text: Scope; unet: Scope }, options: TextToImageOptions): Objective {
  const { batchSize: b, textEncoder, source, vocabulary } = options;
  const ids = input('ids', 'i64', [b, textEncoder.positions]);
  const context = clipText(scopes.text, { ...textEncoder, vocabSize: vocabulary.length }, ids);
  const sample = input('noisy', 'f32', [b, ...source.shape]);
  const target = input('target', 'f32', [b, ...source.shape]);
  const timestep = input('timestep', 'f32', [b]);
  const weight = input('weight', 'f32', [b]);
  const prediction = unet(scopes.unet, options.unet, { sample, timestep, context });
  const { loss, perItem } = weightedMse(prediction, target, weight);
  return { loss, metrics: { mse: mean(perItem) } };
}

function drawBatch(options: TextToImageOptions, random: RandomSource): Feeds {
  const { batchSize: b, source, alphaBars, prediction, textEncoder, weighting = { name: 'none' } } = options;
  const { latents, ids } = source.draw(random, b);
  const timesteps = stratifiedTimesteps(b, alphaBars.length, random);
  const noise = drawNoise(options, random);
  const bars = timesteps.map((t) => alphaBars[t]!);
  const { noisy, target } = diffuse(latents, noise.target, bars, prediction, noise.input);
  for (let n = 0; n < b; n++) {
    if (random.uniform() < options.captionDropout) ids.set(options.emptyIds, n * textEncoder.positions);
  }
  return {
    ids: i64([b, textEncoder.positions], compactIds(ids, options.vocabulary)),
    noisy: f32([b, ...source.shape], noisy),
    target: f32([b, ...source.shape], target),
    timestep: f32([b], timesteps),
    weight: f32(
      [b],
      bars.map((a) => lossWeight(prediction, a, weighting)),
    ),
  };
}

/** Noise of a batch for the target and for the network's input. Draws nothing for what is off. */
function drawNoise(
  { batchSize, source, noise: { offset, inputPerturbation, pyramidDiscount } = {} }: TextToImageOptions,
  random: RandomSource,
): { target: Float32Array; input: Float32Array } {
  const [channels, height, width] = source.shape;
  const size = batchSize * channels * height * width;
  let target =
    pyramidDiscount === undefined
      ? random.fillNormal(new Float32Array(size))
      : drawPyramidNoise(random, [batchSize, channels, height, width], pyramidDiscount);
  if (offset) target = offsetNoise(target, random.fillNormal(new Float32Array(batchSize * channels)), offset);
  if (!inputPerturbation) return { target, input: target };
  const extra = random.fillNormal(new Float32Array(size));
  return { target, input: perturbNoise(target, extra, inputPerturbation) };
}

/** One uniform timestep from each of `count` equal strata, in random order of items: less variance, same mean. */
function stratifiedTimesteps(count: number, total: number, random: RandomSource): number[] {
  return Array.from({ length: count }, (_, i) => Math.floor(((i + random.uniform()) * total) / count));
}
