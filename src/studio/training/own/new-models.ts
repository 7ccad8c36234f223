/** Models that are begun: their sizes from the settings and the pictures, their first weights, their files. */

import { UserError } from '#core/errors';
import { f32ToF16Array } from '#core/half';
import { f32, toF32 } from '#core/tensor';
import type { WeightSource } from '#engine/backend';
import { planSafetensors } from '#formats/safetensors-writer';
import { embeddedConfigKey } from '#models/embedded-config';
import type { ModelFamily } from '#models/family';
import { singleFileTensors } from '#models/ldm/family';
import type { UNetConfig } from '#models/unet/config';
import { minSide } from '#pipelines/request';
import type { Weights } from '#training/loop';
import type { TrainedNetworks, TrainedParameter } from '#training/networks/trained-networks';
import type { ScratchSettings } from '#training/settings/own-models';
import type { BaseModel } from '../methods/base-model.ts';
import { writeWhole } from '../write-whole.ts';

export interface NewModel extends BaseModel {
  /** Text of its configuration for the metadata of its file. */
  readonly embedded: string;
  /** Weights that are trained already, such as its autoencoder's. */
  readonly trainedAlready?: Weights;
}

export type ScratchConfigured = ScratchSettings & { readonly run: string };

export interface BegunModel {
  readonly model: NewModel;
  /** First values that are not the networks' own. */
  readonly starts?: ReadonlyMap<string, Float32Array>;
}

/** `weights`: of what is trained already, such as its autoencoder. */
export function newModel<Config>(
  family: ModelFamily<Config>,
  config: Config,
  embedded: string,
  { path, weights = { get: () => undefined } }: { readonly path: string; readonly weights?: WeightSource },
): NewModel {
  return {
    layout: 'single-file',
    // From outside, a family's config is only handed back to it.
    family,
    config,
    parts: family.parts(config),
    weights,
    path,
    embedded,
    read: () => Promise.reject(new Error('a model that is begun has nothing to read')),
  };
}

/** Everything learns that has no weights yet, from `starts` or from the network's own first values. */
export function newNetworks(
  { family, config, weights }: NewModel,
  starts: ReadonlyMap<string, Float32Array> = new Map(),
): TrainedNetworks {
  const trained = family.parameters(config).filter(({ name }) => weights.get(name) === undefined);
  return {
    trained: trained.map(({ name, shape, initializer }): TrainedParameter => {
      const values = starts.get(name);
      return { name, shape, initial: values ? { kind: 'values', values } : initializer };
    }),
    trainsEncoder: () => true,
    encoder: (_index, graph) => graph,
    denoiser: (graph) => graph,
  };
}

/** As one file in the family's original layout, with the configuration in its metadata. */
export async function writeNewModel(
  file: string,
  { family, config, embedded }: NewModel,
  weights: Weights,
  precision: 'float' | 'fp16',
  metadata: Readonly<Record<string, string>>,
): Promise<void> {
  const dtype = precision === 'fp16' ? ('F16' as const) : ('F32' as const);
  const layout = singleFileTensors(family.parameters(config), family.singleFile!(config));
  const tensors = layout.map(({ parameter, name, shape }) => ({ name, shape, dtype, parameter }));
  const plan = planSafetensors(tensors, { ...metadata, [embeddedConfigKey]: embedded });
  await writeWhole(file, chunks());

  function* chunks(): Generator<Uint8Array> {
    yield plan.header;
    for (const { parameter, shape } of plan.order) {
      const values = toF32(weights.get(parameter) ?? f32(shape, new Float32Array(0)));
      const stored = precision === 'fp16' ? f32ToF16Array(values) : values;
      yield new Uint8Array(stored.buffer, stored.byteOffset, stored.byteLength);
    }
  }
}

/** Sides of feature maps down to which a U-Net goes, and from which on it attends. */
const [smallestSide, attendedSide] = [8, 16];
const mostLevels = 4;

/** A U-Net for pictures or latents of this side: wider the coarser, attention where sides are small. */
export function unetFor(
  side: number,
  channels: number,
  settings: { readonly model_channels: number; readonly layers_per_block: number },
  contextWidth: number,
): UNetConfig {
  let levels = 1;
  while (levels < mostLevels && side % 2 ** levels === 0 && side / 2 ** levels >= smallestSide) levels++;
  const widths = [1, 2, 2, 3].slice(0, levels).map((factor) => factor * settings.model_channels);
  return {
    inChannels: channels,
    outChannels: channels,
    blockChannels: widths,
    layersPerBlock: settings.layers_per_block,
    transformerDepth: widths.map((_, level) => (side / 2 ** level <= attendedSide ? 1 : 0)),
    midTransformerDepth: 1,
    heads: widths.map(() => 4),
    contextWidth,
    linearProjection: false,
    normGroups: 8,
  };
}

/** @throws UserError `training.size` */
export function sideOf({ resolution }: Pick<ScratchConfigured, 'resolution'>, usual: number, multiple: number): number {
  const [width = 0, height = width] = resolution === undefined ? [usual] : resolution.split(/[,x]/).map(Number);
  if (width === height && width >= minSide && width % multiple === 0) return width;
  const message = `resolution is ${resolution}; a model from scratch takes squares with a side of a multiple of ${multiple}, of at least ${minSide}`;
  throw new UserError('training.size', message);
}
