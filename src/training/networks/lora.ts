/**
 * LoRA and its relatives on a model: which layers get an adapter, of what size, and the networks with them.
 *
 * Targets are those of kohya's sd-scripts (networks/lora.py): linear layers and 1x1 convolutions of the transformers;
 * with a convolution rank also those of residual blocks and resamplers; attention and feed-forward of text encoders.
 */

import { UserError } from '#core/errors';
import { f32, type HostTensor } from '#core/tensor';
import { type AdaptedModule, filePathOf, hasSeveralEncoders, modulesOf, trainedName } from '#models/adapters/modules';
import type { ModelParts } from '#models/family';
import {
  adapted,
  alphaOf,
  type DropoutFeeds,
  type FormName,
  type FormOptions,
  formTensors,
  lengthsOf,
  type Target,
} from './adapter-forms.ts';
import { withLayers } from './layer-pass.ts';
import type { ReadParameter, TrainedModel, TrainedNetworks, TrainedParameter } from './trained-networks.ts';

export interface LoraSizes {
  readonly rank: number;
  readonly alpha: number;
  /** Of 3x3 convolutions; none when left out. */
  readonly convRank?: number | undefined;
  readonly convAlpha?: number | undefined;
  readonly trainsDenoiser: boolean;
  readonly trainsText: boolean;
  /** Rank by block of the denoiser (the way down, the middle, the way up); 0: none. */
  readonly blockRanks?: readonly number[] | undefined;
  readonly blockAlphas?: readonly number[] | undefined;
}

/** A target with the layer that it is for. */
export interface LoraTarget extends Target {
  readonly module: AdaptedModule;
}

const transformer = /\.attentions\.\d+\./;
const convolutional = /\.(resnets|downsamplers|upsamplers)\.\d+\./;
const textLayer = /\.layers\.\d+\.(self_attn|mlp)\./;

export function loraTargets({ family, config, parts }: TrainedModel, sizes: LoraSizes): LoraTarget[] {
  const modules = modulesOf(family.parameters(config));
  const several = hasSeveralEncoders(modules);
  const blocks = blockRule({ family, config, parts }, modules, sizes);
  return modules.flatMap((module) => {
    const size = module.component === parts.denoiser.component ? blocks(module) : textSize(module, parts, sizes);
    if (size === undefined || size.rank === 0) return [];
    return [{ module, name: trainedName(family, config, module, several), shape: module.weight.shape, ...size }];
  });
}

type Size = Pick<Target, 'rank' | 'alpha'>;

function textSize({ component, name }: AdaptedModule, parts: ModelParts, sizes: LoraSizes): Size | undefined {
  const isText = parts.textEncoders.some((part) => part.component === component);
  return isText && sizes.trainsText && textLayer.test(`${name}.`) && !/norm/.test(name) ? sizes : undefined;
}

type SizeOf = (module: AdaptedModule) => Size | undefined;

function blockRule({ family, config }: TrainedModel, modules: readonly AdaptedModule[], sizes: LoraSizes): SizeOf {
  const { blockRanks, blockAlphas } = sizes;
  if (!sizes.trainsDenoiser) return () => undefined;
  if (!blockRanks) return (module) => sizeOf(module, sizes);
  const blockOf = (module: AdaptedModule) => blockKey(filePathOf(family, config, module) ?? '');
  const keys = [...new Set(modules.flatMap((module) => blockOf(module) ?? []))].sort(byPlace);
  for (const [name, list] of Object.entries({ block_dims: blockRanks, block_alphas: blockAlphas ?? blockRanks })) {
    if (list.length === keys.length) continue;
    const message = `${name} has ${list.length} numbers; this model has ${keys.length} blocks: ${keys.join(', ')}`;
    throw new UserError('training.blocks', message);
  }
  return (module) => {
    const at = keys.indexOf(blockOf(module) ?? '');
    if (at < 0) return undefined;
    return sizeOf(module, { ...sizes, rank: blockRanks[at]!, alpha: blockAlphas?.[at] ?? sizes.alpha });
  };
}

/** `input 3`, `middle 0`, `output 11` */
function blockKey(path: string): string | undefined {
  const [, side, number] = /^(input|middle|output)_blocks?\.(\d+)/.exec(path) ?? [];
  return side === 'middle' ? 'middle 0' : side && `${side} ${number}`;
}

function byPlace(a: string, b: string): number {
  const place = (key: string): number => {
    const [side, number] = key.split(' ') as [string, string];
    return ['input', 'middle', 'output'].indexOf(side) * 1000 + Number(number);
  };
  return place(a) - place(b);
}

function sizeOf({ name, weight: { shape } }: AdaptedModule, sizes: LoraSizes): Size | undefined {
  if (shape.length < 2) return undefined;
  const isWide = shape.length === 4 && shape[2]! > 1;
  const { convRank = 0, convAlpha = 1 } = sizes;
  if (transformer.test(name)) return isWide ? undefined : { rank: sizes.rank, alpha: sizes.alpha };
  if (convRank === 0 || !convolutional.test(name)) return undefined;
  return isWide ? { rank: convRank, alpha: convAlpha } : { rank: sizes.rank, alpha: sizes.alpha };
}

/** Trained tensors of a LoRA with the numerators of their scales. */
export function loraTensors(
  weights: ReadonlyMap<string, HostTensor>,
  targets: readonly LoraTarget[],
): Map<string, HostTensor> {
  const alphas = targets.map((target) => {
    const [name, alpha] = alphaOf(target);
    return [name, f32([], [alpha])] as const;
  });
  return new Map([...weights, ...alphas]);
}

export interface LoraNetworks extends TrainedNetworks {
  readonly targets: readonly LoraTarget[];
  /** Masks that a step feeds; known once its graphs were made. */
  readonly drops: DropoutFeeds;
}

export async function loraNetworks(
  { parts }: TrainedModel,
  targets: readonly LoraTarget[],
  form: FormName,
  options: FormOptions,
  read: ReadParameter,
): Promise<LoraNetworks> {
  const byModule = new Map(targets.map((target) => [target.module.name, target]));
  const drops: DropoutFeeds = new Map();
  const trained: TrainedParameter[] = [];
  for (const target of targets) {
    const { dora } = options;
    const lengths = dora && lengthsOf(target, dora, await read(target.module.weight.name));
    trained.push(...formTensors(form, target, options, lengths));
  }
  const change = (graph: Parameters<typeof withLayers>[0]) =>
    withLayers(graph, (layer) => {
      const target = byModule.get(layer.module);
      return target && adapted(form, layer, target, options, drops);
    });
  return {
    targets,
    trained,
    drops,
    trainsEncoder: (index) => targets.some(({ module }) => module.component === parts.textEncoders[index]!.component),
    encoder: (_index, graph) => change(graph),
    denoiser: change,
  };
}
