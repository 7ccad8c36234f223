/**
 * T2I-Adapter (Mou et al. 2023, arXiv:2302.08453): a small network that makes of a hint picture one feature for each
 * level of a U-Net, once a picture. Full and light adapters, and SDXL's full one.
 *
 * Names of diffusers' T2IAdapter; original names ldm/modules/encoders/adapter.py of TencentARC/T2I-Adapter. Left out:
 * the style adapter, which makes tokens.
 */

import type { WeightSource } from '#engine/backend';
import { add, avgPool2d, concat, input, relu, sliceAxis } from '#graph/build';
import { pixelUnshuffle } from '#graph/compose';
import { closeGraph, type Graph, type Value } from '#graph/value';
import { featureName } from '../adjust/residuals.ts';
import type { KeyMap } from '../keys.ts';
import { ModelFileError } from '../model-error.ts';
import { batchDim } from '../nn/grid.ts';
import { conv } from '../nn/layers.ts';
import { Scope } from '../nn/scope.ts';
import { resolveParameters } from '../resolve.ts';
import type { TensorFile } from '../tensor-file.ts';
import { below, countIndexed, hasBelow, type TensorTable } from '../tensor-table.ts';
import { type ControlBase, checkedResolution, misfitError } from './base.ts';

export interface T2iAdapterConfig {
  readonly hintChannels: number;
  /** Pixels of the hint to one cell of the first feature along a side. */
  readonly unshuffle: number;
  readonly levels: readonly T2iLevel[];
  readonly light: boolean;
}

interface T2iLevel {
  /** Of the feature. */
  readonly channels: number;
  /** Inside, which differ in light adapters. */
  readonly inner: number;
  readonly blocks: number;
  readonly hasInConv: boolean;
  readonly halves: boolean;
}

export interface T2iAdapterFile {
  readonly config: T2iAdapterConfig;
  readonly weights: WeightSource;
}

/** Component prefix of a T2I adapter's parameters. */
const t2iScope = 'adapter';

/**
 * Graph `hint` [b, hintChannels, height, width], 0..1, sides multiples of `unshuffle` -> `featureName(level)` each.
 */
export function t2iAdapterGraph(
  config: T2iAdapterConfig,
  hint: { readonly height: number; readonly width: number },
  scope = new Scope(t2iScope),
): Graph {
  const picture = input('hint', 'f32', [batchDim(), config.hintChannels, hint.height, hint.width]);
  let x = pixelUnshuffle(picture, config.unshuffle);
  if (!config.light) x = conv(scope.child('conv_in'), x, config.levels[0]!.inner, { kernel: 3 });
  const outputs: Record<string, Value> = {};
  config.levels.forEach((level, i) => {
    x = adapterLevel(scope.child(`body.${i}`), level, x, config.light);
    outputs[featureName(i)] = x;
  });
  return closeGraph('t2i-adapter', outputs);
}

function adapterLevel(
  scope: Scope,
  { channels, inner, blocks, hasInConv, halves }: T2iLevel,
  from: Value,
  light: boolean,
) {
  let x = halves ? halved(from) : from;
  if (hasInConv) x = conv(scope.child('in_conv'), x, inner, { kernel: 1 });
  for (let i = 0; i < blocks; i++) {
    const block = scope.child(`resnets.${i}`);
    const second = relu(conv(block.child('block1'), x, inner, { kernel: 3 }));
    x = add(conv(block.child('block2'), second, inner, { kernel: light ? 3 : 1 }), x);
  }
  return light ? conv(scope.child('out_conv'), x, channels, { kernel: 1 }) : x;
}

/** Means of two by two cells; of the last row or column alone where sides are odd. */
function halved(x: Value): Value {
  const even = [2, 3].reduce((v, axis) => {
    const side = v.shape[axis] as number;
    return side % 2 === 0 ? v : concat([v, sliceAxis(v, axis, side - 1, side)], axis);
  }, x);
  return avgPool2d(even, { kernel: 2 });
}

/** @throws ModelFileError for a damaged file, an adapter of another kind or for another base */
export function openT2iAdapter(file: TensorFile, base: ControlBase): T2iAdapterFile {
  const prefix = hasBelow(file.tensors, `${t2iScope}.`) ? `${t2iScope}.` : '';
  const own = below(file.tensors, prefix);
  const isDiffusers = [...own.keys()].some((name) => name.includes('.resnets.'));
  const config = configOf(own, isDiffusers, file.path);
  const misfit = config.levels.find(({ channels }, i) => channels !== (base.unet.blockChannels[i] ?? channels));
  if (misfit || config.levels.length < base.unet.blockChannels.length) {
    const found = `features of ${config.levels.map(({ channels }) => channels).join(', ')} channels`;
    throw misfitError(file.path, 'a T2I adapter', found, base);
  }
  const scope = new Scope(t2iScope);
  const side = 16 * config.unshuffle;
  t2iAdapterGraph(config, { height: side, width: side }, scope);
  const keys = isDiffusers ? plainKeys : originalKeys(config);
  const weights = checkedResolution(file, resolveParameters(t2iScope, scope.declared(), keys, own, prefix));
  return { config, weights: { get: (name) => weights.get(name) } };
}

const plainKeys: KeyMap = (parameter) => [{ name: parameter }];

/** The full adapter's blocks in one row; the light one's levels hold their blocks as `body`. */
function originalKeys({ levels, light }: T2iAdapterConfig): KeyMap {
  const before = levels.map((_, i) => levels.slice(0, i).reduce((sum, { blocks }) => sum + blocks, 0));
  return (parameter) => {
    if (light) return [{ name: parameter.replace('.resnets.', '.body.') }];
    const [, level = '', rest = ''] = /^body\.(\d+)\.(.*)$/.exec(parameter) ?? [];
    if (level === '') return [{ name: parameter }];
    const [, block = '0', inner = rest] = /^resnets\.(\d+)\.(.*)$/.exec(rest) ?? [];
    return [{ name: `body.${before[Number(level)]! + Number(block)}.${inner}` }];
  };
}

function configOf(tensors: TensorTable, isDiffusers: boolean, path: string): T2iAdapterConfig {
  const first = tensors.get('conv_in.weight')?.shape ?? tensors.get('body.0.in_conv.weight')?.shape;
  if (!first) {
    const message = 'neither conv_in nor body.0.in_conv is in it; expected a full or light T2I adapter';
    throw new ModelFileError('control-kind', message, path);
  }
  const light = !tensors.has('conv_in.weight');
  // Colours times the square of the unshuffling: 64 and 192 of eight, 256 and 768 of sixteen.
  const unshuffle = first[1]! % 256 === 0 ? 16 : 8;
  const levels = light || isDiffusers ? nestedLevels(tensors, light) : flatLevels(tensors);
  // SDXL's halves before its third level alone.
  const halves = (i: number): boolean => (unshuffle === 16 && !light ? i === 2 : i > 0);
  return {
    hintChannels: first[1]! / unshuffle ** 2,
    unshuffle,
    light,
    levels: levels.map((level, i) => ({ ...level, halves: halves(i) })),
  };
}

type LevelSizes = Omit<T2iLevel, 'halves'>;

function nestedLevels(tensors: TensorTable, light: boolean): LevelSizes[] {
  return Array.from({ length: countIndexed(tensors, 'body.') }, (_, i) => {
    const stem = `body.${i}.`;
    const row = hasBelow(tensors, `${stem}resnets.`) ? `${stem}resnets.` : `${stem}body.`;
    const inner = tensors.get(`${row}0.block1.weight`)?.shape[0] ?? 0;
    const channels = light ? (tensors.get(`${stem}out_conv.weight`)?.shape[0] ?? 0) : inner;
    return { channels, inner, blocks: countIndexed(tensors, row), hasInConv: tensors.has(`${stem}in_conv.weight`) };
  });
}

/** Two blocks a level, as every published one has. */
function flatLevels(tensors: TensorTable): LevelSizes[] {
  const perLevel = 2;
  const blocks = countIndexed(tensors, 'body.');
  return Array.from({ length: Math.floor(blocks / perLevel) }, (_, i) => {
    const stem = `body.${perLevel * i}.`;
    const inner = tensors.get(`${stem}block1.weight`)?.shape[0] ?? 0;
    return { channels: inner, inner, blocks: perLevel, hasInConv: tensors.has(`${stem}in_conv.weight`) };
  });
}
