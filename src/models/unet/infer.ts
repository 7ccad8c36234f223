/** The sizes of a U-Net from the names and shapes of its tensors, so that merges and odd sizes need no table. */

import { ModelFileError } from '../model-error.ts';
import { countNumbered, type TensorTable } from '../tensor-table.ts';
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
  readonly outputKey: string;
}

/** Whether these are a U-Net's tensors under LDM's names (prefix taken off). */
export function isLdmUNet(tensors: TensorTable): boolean {
  return tensors.has('input_blocks.0.0.weight') && tensors.has('time_embed.0.weight') && tensors.has('out.2.weight');
}

/** Whether these are a U-Net's tensors under diffusers' names (prefix taken off). */
export function isDiffusersUNet(tensors: TensorTable): boolean {
  return (
    tensors.has('time_embedding.linear_1.weight') && tensors.has('conv_in.weight') && tensors.has('conv_out.weight')
  );
}

/** Reads the sizes from LDM or diffusers names without prefix. */
export function inferUNet(tensors: TensorTable, rule: HeadRule): UNetConfig {
  const outline = isLdmUNet(tensors) ? ldmOutline(tensors) : diffusersOutline(tensors);
  const blockChannels = outline.levels.map((layers) => layers[0]!.channels);
  const transformerDepth = outline.levels.map((layers) => layers[0]!.depth);
  const layersPerBlock = outline.levels[0]!.length;
  for (const [level, layers] of outline.levels.entries()) {
    const even = layers.every((l) => l.channels === layers[0]!.channels && l.depth === layers[0]!.depth);
    if (layers.length !== layersPerBlock || !even) throw unevenLevel(level, layers, layersPerBlock);
  }
  return {
    inChannels: tensors.get(outline.inputKey)!.shape[1]!,
    outChannels: tensors.get(outline.outputKey)!.shape[0]!,
    blockChannels,
    layersPerBlock,
    transformerDepth,
    midTransformerDepth: outline.midDepth,
    heads: headsOf(blockChannels, rule),
    contextWidth: contextWidthOf(tensors) ?? 0,
    linearProjection: hasLinearProjection(tensors),
    normGroups: 32,
  };
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

const depthBelow = (tensors: TensorTable, stem: string): number =>
  countNumbered(tensors, `${stem}.transformer_blocks.`, '.norm1.weight');

function ldmOutline(tensors: TensorTable): Outline {
  const levels: Layer[][] = [[]];
  for (let i = 1; ; i++) {
    const conv = tensors.get(`input_blocks.${i}.0.out_layers.3.weight`);
    if (conv) levels.at(-1)!.push({ channels: conv.shape[0]!, depth: depthBelow(tensors, `input_blocks.${i}.1`) });
    else if (tensors.has(`input_blocks.${i}.0.op.weight`)) levels.push([]);
    else break;
  }
  const inputKey = 'input_blocks.0.0.weight';
  return checked({ levels, midDepth: depthBelow(tensors, 'middle_block.1'), inputKey, outputKey: 'out.2.weight' });
}

function diffusersOutline(tensors: TensorTable): Outline {
  const levels: Layer[][] = [];
  for (let level = 0; tensors.has(`down_blocks.${level}.resnets.0.conv2.weight`); level++) {
    const stem = `down_blocks.${level}`;
    const layers = countNumbered(tensors, `${stem}.resnets.`, '.conv2.weight');
    levels.push(
      Array.from({ length: layers }, (_, j) => ({
        channels: tensors.get(`${stem}.resnets.${j}.conv2.weight`)!.shape[0]!,
        depth: depthBelow(tensors, `${stem}.attentions.${j}`),
      })),
    );
  }
  const midDepth = depthBelow(tensors, 'mid_block.attentions.0');
  return checked({ levels, midDepth, inputKey: 'conv_in.weight', outputKey: 'conv_out.weight' });
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
