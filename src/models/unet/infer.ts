/** The sizes of a U-Net from the names and shapes of its tensors, so that merges and odd sizes need no table. */

import { ModelFileError } from '../model-error.ts';
import { commonRows, countIndexed, hasBelow, type TensorTable } from '../tensor-table.ts';
import type { UNetConfig } from './config.ts';

/** What shapes do not tell. */
export interface HeadRule {
  /** Heads of every level, or one number for all. */
  readonly heads?: number | readonly number[];
  /** Channels of a head, when it is the width that is fixed (SD2, SDXL). */
  readonly headWidth?: number;
}

interface Layer {
  readonly channels: number;
  readonly depth: number;
}

interface Outline {
  readonly levels: readonly (readonly Layer[])[];
  readonly midDepth: number;
  readonly inputKey: string;
  readonly output: string;
}

/** Whether these are a U-Net's tensors under LDM's names (prefix taken off). */
export function isLdmUNet(tensors: TensorTable): boolean {
  return hasBelow(tensors, 'input_blocks.') && hasBelow(tensors, 'output_blocks.');
}

/** Whether these are a U-Net's tensors under diffusers' names (prefix taken off). */
export function isDiffusersUNet(tensors: TensorTable): boolean {
  return hasBelow(tensors, 'down_blocks.') && hasBelow(tensors, 'up_blocks.');
}

/** Reads the sizes from LDM or diffusers names without prefix; of a network that is a U-Net's way down alone, too. */
export function inferUNet(tensors: TensorTable, rule: HeadRule): UNetConfig {
  const outline = hasBelow(tensors, 'input_blocks.') ? ldmOutline(tensors) : diffusersOutline(tensors);
  const blockChannels = outline.levels.map((layers) => layers[0]!.channels);
  const transformerDepth = outline.levels.map((layers) => layers[0]!.depth);
  const layersPerBlock = outline.levels[0]!.length;
  for (const [level, layers] of outline.levels.entries()) {
    const even = layers.every((l) => l.channels === layers[0]!.channels && l.depth === layers[0]!.depth);
    if (layers.length !== layersPerBlock || !even) throw unevenLevel(level, layers, layersPerBlock);
  }
  return {
    inChannels: tensors.get(outline.inputKey)?.shape[1] ?? 4,
    outChannels: commonRows(tensors, [`${outline.output}.weight`, `${outline.output}.bias`]) ?? 4,
    blockChannels,
    layersPerBlock,
    transformerDepth,
    midTransformerDepth: outline.midDepth,
    heads: headsOf(blockChannels, rule),
    contextWidth: contextWidthOf(tensors) ?? 0,
    linearProjection: hasLinearProjection(tensors),
    normGroups: 32,
    vectorWidth: vectorWidthOf(tensors),
  };
}

/** Width of the vector that is added to the time's embedding; undefined without one. */
export function vectorWidthOf(tensors: TensorTable): number | undefined {
  const names = ['label_emb.0.0.weight', 'add_embedding.linear_1.weight'];
  return names.map((name) => tensors.get(name)?.shape[1]).find((width) => width !== undefined);
}

function unevenLevel(level: number, layers: readonly Layer[], expected: number): ModelFileError {
  const got = layers.map((l) => `${l.channels} channels, depth ${l.depth}`).join('; ');
  return new ModelFileError(
    'uneven-unet',
    `level ${level} of the U-Net has ${layers.length} layers (${got}); expected ${expected} equal ones. ` +
      'Distilled U-Nets with uneven levels are not supported; use the full model.',
  );
}

function headsOf(blockChannels: readonly number[], { heads, headWidth }: HeadRule): number[] {
  if (headWidth !== undefined) return blockChannels.map((c) => Math.max(1, Math.floor(c / headWidth)));
  return blockChannels.map((_, i) => (typeof heads === 'number' ? heads : (heads?.[i] ?? 8)));
}

/** Width of the context that cross-attention reads; undefined without cross-attention. */
export function contextWidthOf(tensors: TensorTable): number | undefined {
  for (const [name, { shape }] of tensors) if (name.endsWith('.attn2.to_k.weight')) return shape[1];
  return undefined;
}

/** Whether the projections around the transformers are linear layers; SD1 alone has 1x1 convolutions. */
export function hasLinearProjection(tensors: TensorTable): boolean {
  for (const [name, { shape }] of tensors) if (name.endsWith('.proj_in.weight')) return shape.length === 2;
  return false;
}

const depthBelow = (tensors: TensorTable, stem: string): number => countIndexed(tensors, `${stem}.transformer_blocks.`);

const ldmResnet = ['in_layers.2.bias', 'emb_layers.1.bias', 'out_layers.0.weight', 'out_layers.3.bias'];
const diffusersResnet = ['conv1.bias', 'time_emb_proj.bias', 'norm2.weight', 'conv2.bias'];

function channelsOf(tensors: TensorTable, resnet: string, parts: readonly string[]): number {
  const names = parts.map((part) => `${resnet}.${part}`);
  const channels = commonRows(tensors, names);
  if (channels !== undefined) return channels;
  throw new ModelFileError('incomplete-unet', `none of ${names.join(', ')} is there: the U-Net lacks a block`);
}

function ldmOutline(tensors: TensorTable): Outline {
  const levels: Layer[][] = [[]];
  const blocks = countIndexed(tensors, 'input_blocks.');
  for (let i = 1; i < blocks; i++) {
    if (hasBelow(tensors, `input_blocks.${i}.0.op.`)) levels.push([]);
    else {
      const channels = channelsOf(tensors, `input_blocks.${i}.0`, ldmResnet);
      levels.at(-1)!.push({ channels, depth: depthBelow(tensors, `input_blocks.${i}.1`) });
    }
  }
  const midDepth = depthBelow(tensors, 'middle_block.1');
  return checked({ levels, midDepth, inputKey: 'input_blocks.0.0.weight', output: 'out.2' });
}

function diffusersOutline(tensors: TensorTable): Outline {
  const levels = Array.from({ length: countIndexed(tensors, 'down_blocks.') }, (_, level) => {
    const stem = `down_blocks.${level}`;
    return Array.from({ length: countIndexed(tensors, `${stem}.resnets.`) }, (_, j) => ({
      channels: channelsOf(tensors, `${stem}.resnets.${j}`, diffusersResnet),
      depth: depthBelow(tensors, `${stem}.attentions.${j}`),
    }));
  });
  const midDepth = depthBelow(tensors, 'mid_block.attentions.0');
  return checked({ levels, midDepth, inputKey: 'conv_in.weight', output: 'conv_out' });
}

function checked(outline: Outline): Outline {
  if (outline.levels.length === 0 || outline.levels.some((layers) => layers.length === 0)) {
    throw new ModelFileError(
      'incomplete-unet',
      'the blocks of the U-Net cannot be told from its tensors: some are missing',
    );
  }
  return outline;
}
