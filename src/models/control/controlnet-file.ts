/**
 * ControlNet files in their layouts: LDM (`control_model.` or bare) and diffusers names. Control-LoRA (Stability AI;
 * ComfyUI comfy/controlnet.py `ControlLora`) has LDM names and holds what differs from its base: whole tensors, and
 * low-rank changes of the base's own weights, which stay where they are.
 */

import type { WeightRef, WeightSource } from '#engine/backend';
import type { LowRank } from '../adapters/kinds.ts';
import { readWeight } from '../adapters/read-weight.ts';
import { type KeyMap, type Rewrite, rewrite, sameName } from '../keys.ts';
import { ModelFileError } from '../model-error.ts';
import { Scope } from '../nn/scope.ts';
import { resolveParameters } from '../resolve.ts';
import type { ModelFiles, TensorFile } from '../tensor-file.ts';
import { below, countIndexed, hasBelow, type TensorTable } from '../tensor-table.ts';
import type { UNetConfig } from '../unet/config.ts';
import { inferUNet } from '../unet/infer.ts';
import { ldmUNetKeys } from '../unet/keys.ts';
import { unetScope } from '../unet/network.ts';
import { type ControlBase, checkedResolution, misfitError, unetSizes } from './base.ts';
import { type ControlNetConfig, controlNetGraph, controlNetScope } from './controlnet.ts';

export interface ControlNetFile {
  readonly config: ControlNetConfig;
  readonly weights: WeightSource;
  /** Changes of the base's weights by module, for side branches. */
  readonly branches: ReadonlyMap<string, LowRank>;
}

const prefix = 'control_model.';
const loraMarker = 'lora_controlnet';

/** @throws ModelFileError for one that does not fit the base, a kind that cannot run, or a damaged file */
export async function openControlNet(files: ModelFiles, file: TensorFile, base: ControlBase): Promise<ControlNetFile> {
  const own = hasBelow(file.tensors, prefix) ? below(file.tensors, prefix) : new Map(file.tensors);
  refuseKinds(own, file.path);
  return own.has(loraMarker) ? await openControlLora(files, file, base) : openWhole(file, own, base);
}

const otherKinds: readonly (readonly [key: RegExp, what: string])[] = [
  [/^control_add_embedding\./, 'a ControlNet of several kinds of hints (union)'],
  [/^difference$/, 'a ControlNet of differences from a base model'],
  [/^lllite_/, 'a ControlNet-LLLite'],
  [/motion_modules\./, 'a ControlNet for videos (SparseCtrl)'],
];

function refuseKinds(tensors: TensorTable, path: string): void {
  const names = [...tensors.keys()];
  const found = otherKinds.find(([key]) => names.some((name) => key.test(name)));
  if (!found) return;
  const message = `this is ${found[1]}, which cannot be run yet; expected a ControlNet, a Control-LoRA or a T2I adapter`;
  throw new ModelFileError('control-kind', message, path);
}

function openWhole(file: TensorFile, own: TensorFile['tensors'], base: ControlBase): ControlNetFile {
  const isLdm = hasBelow(own, 'input_blocks.');
  const unet = { ...inferUNet(own, {}), heads: base.unet.heads, normGroups: base.unet.normGroups };
  const config: ControlNetConfig = { unet, ...hintSizes(own, isLdm) };
  const difference = differenceOf(unet, base.unet);
  if (difference) throw misfitError(file.path, 'a ControlNet', difference, base);
  const keys = isLdm ? controlNetKeys(config) : sameName;
  const weights = checkedResolution(
    file,
    resolveParameters(controlNetScope, parametersOf(config), keys, own, own.size === file.tensors.size ? '' : prefix),
  );
  return { config, weights: { get: (name) => weights.get(name) }, branches: new Map() };
}

function parametersOf(config: ControlNetConfig) {
  const scope = new Scope(controlNetScope);
  controlNetGraph(config, { height: 64, width: 64 }, scope);
  return scope.declared();
}

/** Channels of the hint and of its embedding, from the tensors' shapes. */
function hintSizes(tensors: TensorTable, isLdm: boolean): Pick<ControlNetConfig, 'hintChannels' | 'hintWidths'> {
  const stem = isLdm ? 'input_hint_block.' : 'controlnet_cond_embedding.blocks.';
  const first = tensors.get(isLdm ? `${stem}0.weight` : 'controlnet_cond_embedding.conv_in.weight')?.shape;
  // Of LDM's row every second place is a convolution; the first and the last are those around the blocks.
  const blocks = isLdm ? (countIndexed(tensors, stem) - 1) / 2 - 1 : countIndexed(tensors, stem);
  const widthOf = (block: number): number => {
    const name = isLdm ? `${stem}${2 * (block + 1)}.weight` : `${stem}${block}.weight`;
    return tensors.get(name)?.shape[0] ?? 0;
  };
  const widths = Array.from({ length: Math.max(Math.floor(blocks / 2), 0) }, (_, i) => widthOf(2 * i + 1));
  return { hintChannels: first?.[1] ?? 3, hintWidths: [first?.[0] ?? 16, ...widths] };
}

/** What a network for another base differs in; undefined where it fits. Depths of transformers may differ. */
function differenceOf(own: UNetConfig, base: UNetConfig): string | undefined {
  const facts = ({ blockChannels, layersPerBlock, vectorWidth }: UNetConfig) =>
    JSON.stringify([blockChannels, layersPerBlock, vectorWidth ?? 0]);
  const attends = own.midTransformerDepth > 0 || own.transformerDepth.some((depth) => depth > 0);
  const sameContext = !attends || own.contextWidth === base.contextWidth;
  return facts(own) === facts(base) && sameContext ? undefined : unetSizes(own);
}

/** LDM's names of a ControlNet's parameters, without a prefix. */
export function controlNetKeys(config: ControlNetConfig): KeyMap {
  const unet = ldmUNetKeys(config.unet);
  const last = 2 * (2 * (config.hintWidths.length - 1) + 1);
  const rules: readonly Rewrite[] = [
    [/^controlnet_cond_embedding\.conv_in\./, 'input_hint_block.0.'],
    [/^controlnet_cond_embedding\.conv_out\./, `input_hint_block.${last}.`],
    [/^controlnet_cond_embedding\.blocks\.(\d+)\./, (block) => `input_hint_block.${2 * (Number(block) + 1)}.`],
    [/^controlnet_down_blocks\.(\d+)\./, 'zero_convs.$1.0.'],
    [/^controlnet_mid_block\./, 'middle_block_out.0.'],
  ];
  return (parameter) => (parameter.startsWith('controlnet_') ? [{ name: rewrite(parameter, rules) }] : unet(parameter));
}

async function openControlLora(files: ModelFiles, file: TensorFile, base: ControlBase): Promise<ControlNetFile> {
  const { tensors, path } = file;
  const config: ControlNetConfig = { unet: base.unet, ...hintSizes(tensors, true) };
  if (base.unet.inChannels !== base.unet.outChannels) {
    const message = 'a Control-LoRA needs a base without further input channels, such as those of inpainting';
    throw new ModelFileError('control-base', message, path);
  }
  const keys = controlNetKeys(config);
  const weights = new Map<string, WeightRef>();
  const branches = new Map<string, LowRank>();
  for (const { name, shape } of parametersOf(config)) {
    const parameter = name.slice(controlNetScope.length + 1);
    const stored = keys(parameter)[0]!.name;
    const whole = tensors.get(stored)?.ref;
    const ref = whole ?? base.weights.get(`${unetScope}.${parameter}`);
    if (!ref) throw new ModelFileError('missing', `${stored} is missing, in the file and in its base model`, path);
    weights.set(name, ref);
    const pair = whole ? undefined : await pairAt(files, file, stored.replace(/\.weight$/, ''));
    if (!pair) continue;
    const [out, ...inner] = shape as [number, ...number[]];
    const rank = pair.down.shape[0]!;
    const fits =
      pair.up.data.length === out * rank && pair.down.data.length === rank * inner.reduce((a, b) => a * b, 1);
    if (!fits)
      throw misfitError(path, 'a Control-LoRA', `${stored} of ${[pair.up.shape[0], ...inner].join(' x ')}`, base);
    branches.set(name.replace(/\.weight$/, ''), {
      down: { shape: [rank, ...inner], data: pair.down.data },
      up: { shape: [out, rank], data: pair.up.data },
    });
  }
  return { config, weights: { get: (name) => weights.get(name) }, branches };
}

async function pairAt(files: ModelFiles, { tensors }: TensorFile, stem: string): Promise<LowRank | undefined> {
  const [down, up] = [tensors.get(`${stem}.down`)?.ref, tensors.get(`${stem}.up`)?.ref];
  return down && up ? { down: await readWeight(files, down), up: await readWeight(files, up) } : undefined;
}
