/**
 * The step that every method on a latent diffusion model shares: text through its encoders (or what was kept of them),
 * noise onto latents, the denoiser, the loss. What learns, and how it is part of the networks, is the method's
 * (`networks/`).
 */

import { f32, type HostTensor } from '#core/tensor';
import type { Feeds, WeightSource } from '#engine/backend';
import { concat, input, mean } from '#graph/build';
import { evaluateDim } from '#graph/dim';
import { mapGraph, withInputs } from '#graph/map-graph';
import { closeGraph, type Graph, type Value } from '#graph/value';
import { initialValue } from '#models/nn/init';
import {
  diffuse,
  huberBound,
  type huberSchedules,
  type LossWeighting,
  lossWeight,
  type Prediction,
  priorWeights,
} from '../diffusion-objective.ts';
import type { TrainingTask } from '../loop.ts';
import { elementLoss, type LossType, weightedLoss } from '../losses.ts';
import type { DropoutFeeds } from '../networks/adapter-forms.ts';
import type { TrainedModel, TrainedNetworks } from '../networks/trained-networks.ts';
import { adaptiveOffsetNoise, drawMultiresNoise, offsetNoise, perturbNoise } from '../noise.ts';
import { type RandomSource, TrainingRandom } from '../random.ts';
import type { Objective } from '../step.ts';

/** Cells of a latent. */
export interface LatentSize {
  readonly height: number;
  readonly width: number;
}

/** Pictures of a step, all of one size. */
export interface Examples {
  readonly size: LatentSize;
  /** In the denoiser's scale, [batch, channels, height, width]. */
  readonly latents: Float32Array;
  /** Weight of each cell, [batch, 1, height, width]; with masked loss. */
  readonly masks?: Float32Array | undefined;
  /** Whether each is a picture of the class, for prior preservation. */
  readonly isClass: readonly boolean[];
  /** What their texts and sizes say to the networks: `textInputs`, or `context` and further inputs of the denoiser. */
  readonly text: Feeds;
}

export interface LossOptions {
  readonly type: LossType;
  readonly huberSchedule: (typeof huberSchedules)[number];
  readonly huberC: number;
  readonly weightings: readonly LossWeighting[];
  /** `mean`: over all cells, as kohya has it; `area`: over the masks' area. */
  readonly masks?: 'mean' | 'area' | undefined;
  readonly priorWeight: number;
}

export interface NoiseSettings {
  readonly offset: number;
  readonly adaptiveScale: number;
  readonly multiresIterations: number;
  readonly multiresDiscount: number;
  readonly inputPerturbation: number;
}

export interface DenoisingOptions {
  readonly model: TrainedModel;
  readonly weights: WeightSource;
  readonly networks: TrainedNetworks & { readonly drops?: DropoutFeeds };
  readonly prediction: Prediction;
  /** Cumulative products of the noise schedule, by timestep. */
  readonly alphaBars: ArrayLike<number>;
  readonly batchSize: number;
  readonly loss: LossOptions;
  readonly noise: NoiseSettings;
  /** The first and the last timestep that are drawn, the last excluded. */
  readonly timesteps: readonly [from: number, to: number];
  /** Windows of text that are read. */
  readonly windows: number;
  readonly clipSkip: number;
  /** Pictures of part `part` of 0-based step `step`. */
  examples(step: number, part: number, random: RandomSource): Promise<Examples>;
  /** What nothing is learnt from. */
  heldOut(): Promise<readonly Examples[]>;
  /** Sizes that pictures may have. */
  readonly sizes: readonly LatentSize[];
}

/** Whether a text encoder learns, so that texts go through the networks in each step. */
export function readsText({ model, networks }: Pick<DenoisingOptions, 'model' | 'networks'>): boolean {
  return model.parts.textEncoders.some((_, index) => networks.trainsEncoder(index));
}

/** Input of the ids of a window of an encoder. */
export const idsInput = (encoder: number, window: number): string => `ids_${encoder}_${window}`;
/** Further inputs of a window of an encoder, by their name in its graph. */
export const windowInput = (name: string, window: number): string => `${name}_${window}`;
/** What follows the pooled text in the denoiser's vector. */
export const restOf = (name: string): string => `${name}_rest`;

/** The loss of a batch of one size. */
export function denoisingObjective(options: DenoisingOptions, size: LatentSize): Objective {
  const { model, networks, loss } = options;
  const denoiser = networks.denoiser(model.parts.denoiser.graph(size));
  const leaves = new Map(denoiser.inputs.map((leaf) => [leaf.attrs.name, leaf]));
  const shape = denoiser.outputs.prediction!.shape;
  const prediction = substituted(denoiser, readsText(options) ? conditions(options, leaves) : {}).prediction!;
  const target = input('target', 'f32', shape);
  const c = loss.type === 'l2' ? undefined : input('bound', 'f32', [shape[0]!, 1, 1, 1]);
  const mask = loss.masks && input('mask', 'f32', [shape[0]!, 1, shape[2]!, shape[3]!]);
  const element = elementLoss(prediction, target, { type: loss.type, c, mask });
  const weights = input('weight', 'f32', [shape[0]!]);
  const { loss: total, perItem } = weightedLoss(element, weights, loss.masks === 'area' ? mask : undefined);
  return { loss: total, metrics: { unweighted: mean(perItem) } };
}

/** What the text encoders make of ids, as inputs of the denoiser. */
function conditions(
  { model, networks, windows, clipSkip }: DenoisingOptions,
  leaves: ReadonlyMap<string, Value<'input'>>,
): Record<string, Value> {
  const { textEncoders } = model.parts;
  let pooled: Value | undefined;
  const contexts = textEncoders.map((part, index) => {
    const graph = networks.encoder(index, part.graph({ clipSkip }));
    const parts = Array.from({ length: windows }, (_, window) => ofWindow(graph, index, window));
    pooled = parts[0]!.pooled ?? pooled;
    return concat(
      parts.map(({ context }) => context!),
      1,
    );
  });
  const given: Record<string, Value> = { context: concat(contexts, 2) };
  for (const [name, leaf] of leaves) {
    if (!pooled || ['sample', 'timestep', 'context'].includes(name)) continue;
    const width = (leaf.shape[1] as number) - (pooled.shape[1] as number);
    given[name] = concat([pooled, input(restOf(name), 'f32', [leaf.shape[0]!, width])], 1);
  }
  return given;
}

function ofWindow(graph: Graph, encoder: number, window: number): Record<string, Value> {
  const renamed = graph.inputs.map(({ attrs: { name }, dtype, shape }) => {
    const own = name === 'ids' ? idsInput(encoder, window) : windowInput(name, window);
    return [name, input(own, dtype, shape)] as const;
  });
  return substituted(graph, Object.fromEntries(renamed));
}

/** Outputs of a graph with values in the place of some of its inputs. */
export function substituted(graph: Graph, inputs: Readonly<Record<string, Value>>): Record<string, Value> {
  return mapGraph(graph, (v, operands) => (v.op === 'input' && inputs[v.attrs.name]) || withInputs(v, operands))
    .outputs;
}

export function denoisingTask(
  options: DenoisingOptions,
  hooks: Partial<Pick<TrainingTask, 'sample' | 'publish' | 'begin' | 'finish'>> = {},
): TrainingTask {
  const { networks, weights, batchSize: batch } = options;
  const trained = new Map(networks.trained.map((parameter) => [parameter.name, parameter]));
  const objectives = new Map<string, Objective>();
  const objectiveOf = (shape: string): Objective => {
    const [height, width] = shape.split('x').map(Number) as [number, number];
    const known = objectives.get(shape) ?? denoisingObjective(options, { height, width });
    objectives.set(shape, known);
    return known;
  };
  const complete = (feeds: Feeds, random: RandomSource | undefined): Feeds => ({
    ...feeds,
    ...dropoutFeeds(networks, objectiveOf(shapeOf(feeds)), batch, random),
  });
  return {
    name: 'denoising',
    objective: (shape = sizeName(options.sizes[0]!)) => objectiveOf(shape),
    shapeOf,
    bindings: { batch },
    trains: (name) => trained.has(name),
    weights: { get: (name) => (trained.has(name) ? undefined : weights.get(name)) },
    initialise(name, shape, random) {
      const { initial } = trained.get(name)!;
      if (initial.kind === 'values') return initial.values.slice();
      return initialValue(shape, initial, random).data as Float32Array;
    },
    async batch(random, step, part = 0) {
      const examples = await options.examples(step, part, random);
      const noise = drawNoise(options, examples, random);
      return complete(noisedFeeds(options, examples, stratified(options, random), noise), random);
    },
    async heldOut() {
      const random = new TrainingRandom(heldOutSeed);
      const all = await options.heldOut();
      return all.map((examples) => {
        const noise = drawNoise({ ...options, noise: plainNoise }, examples, random);
        return complete(noisedFeeds(options, examples, stratified(options, random), noise), undefined);
      });
    },
    ...hooks,
  };
}

/** What is held out meets the same noise at the same timesteps each time. */
const heldOutSeed = 20;

const plainNoise: NoiseSettings = {
  offset: 0,
  adaptiveScale: 0,
  multiresIterations: 0,
  multiresDiscount: 1,
  inputPerturbation: 0,
};

const sizeName = ({ height, width }: LatentSize): string => `${height}x${width}`;
const shapeOf = (feeds: Feeds): string => feeds.sample!.shape.slice(2).join('x');

/** One timestep from each of equal strata: less variance, the same mean. */
function stratified({ batchSize, timesteps: [from, to] }: DenoisingOptions, random: RandomSource): number[] {
  return Array.from({ length: batchSize }, (_, i) =>
    Math.floor(from + ((i + random.uniform()) * (to - from)) / batchSize),
  );
}

export interface DrawnNoise {
  readonly target: Float32Array;
  readonly input: Float32Array;
}

/** Noise for the target and for the network's input. Draws nothing for what is off. */
function drawNoise(
  { model, batchSize, noise }: DenoisingOptions,
  { latents, size }: Examples,
  random: RandomSource,
): DrawnNoise {
  const { channels } = model.parts.latent;
  let target = random.fillNormal(new Float32Array(latents.length));
  const draw = (count: number): Float32Array => random.fillNormal(new Float32Array(count));
  if (noise.multiresIterations > 0) {
    const { multiresIterations: iterations, multiresDiscount: discount } = noise;
    target = drawMultiresNoise(random, target, [batchSize, channels, size.height, size.width], {
      iterations,
      discount,
    });
  }
  if (noise.offset > 0) target = withOffset(noise, target, draw(batchSize * channels), latents);
  if (noise.inputPerturbation === 0) return { target, input: target };
  return { target, input: perturbNoise(target, draw(latents.length), noise.inputPerturbation) };
}

export function withOffset(
  { offset, adaptiveScale }: Pick<NoiseSettings, 'offset' | 'adaptiveScale'>,
  noise: Float32Array,
  channelNoise: Float32Array,
  latents: Float32Array,
): Float32Array {
  if (adaptiveScale === 0) return offsetNoise(noise, channelNoise, offset);
  return adaptiveOffsetNoise(noise, channelNoise, latents, { strength: offset, scale: adaptiveScale });
}

/** Everything that a batch feeds, but masks of what is dropped. */
export function noisedFeeds(
  { model, alphaBars, prediction, loss }: Pick<DenoisingOptions, 'model' | 'alphaBars' | 'prediction' | 'loss'>,
  { latents, size, masks, isClass, text }: Examples,
  timesteps: readonly number[],
  noise: DrawnNoise,
): Feeds {
  const { channels } = model.parts.latent;
  const batch = timesteps.length;
  const shape = [batch, channels, size.height, size.width];
  const bars = timesteps.map((t) => alphaBars[t]!);
  const { noisy, target } = diffuse(latents, noise.target, bars, prediction, noise.input);
  const prior = isClass.some(Boolean) && !isClass.every(Boolean) ? priorWeights(isClass, loss.priorWeight) : undefined;
  const weights = bars.map(
    (bar, i) => loss.weightings.reduce((w, each) => w * lossWeight(prediction, bar, each), 1) * (prior?.[i] ?? 1),
  );
  const bounds = timesteps.map((timestep, i) =>
    huberBound(loss.huberSchedule, loss.huberC, { timestep, steps: alphaBars.length, alphaBar: bars[i]! }),
  );
  const masked: Record<string, HostTensor> = masks ? { mask: f32([batch, 1, size.height, size.width], masks) } : {};
  return {
    sample: f32(shape, noisy),
    target: f32(shape, target),
    timestep: f32([batch], timesteps),
    weight: f32([batch], weights),
    bound: f32([batch, 1, 1, 1], bounds),
    ...masked,
    ...text,
  };
}

/**
 * Masks of what is dropped in a step, by the shapes that its graph has for them: kept ones are scaled up, unless whole
 * adapters are dropped (a negative share). Without a source nothing is dropped.
 */
function dropoutFeeds(
  { drops }: DenoisingOptions['networks'],
  objective: Objective,
  batch: number,
  random: RandomSource | undefined,
): Record<string, HostTensor> {
  if (!drops || drops.size === 0) return {};
  const feeds: Record<string, HostTensor> = {};
  for (const { attrs, shape } of closeGraph('loss', { loss: objective.loss }).inputs) {
    const share = drops.get(attrs.name);
    if (share === undefined) continue;
    const sizes = shape.map((dim) => evaluateDim(dim, { batch }));
    const kept = 1 - Math.abs(share);
    const value = share < 0 || !random ? 1 : 1 / kept;
    const draw = (): number => (!random || random.uniform() < kept ? value : 0);
    feeds[attrs.name] = f32(sizes, Float32Array.from({ length: sizes.reduce((a, b) => a * b, 1) }, draw));
  }
  return feeds;
}
