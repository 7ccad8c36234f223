/**
 * Merging checkpoints tensor by tensor: what each tensor of the result is made of, and the arithmetic.
 *
 * Source: AUTOMATIC1111 web UI v1.10.1, modules/extras.py (`run_modelmerger`): only names that hold "model" and are in
 * both are merged, all others stay as in A. Block weights: SuperMerger's order (base, IN00.., M00, OUT00..).
 */

import { UserError } from '#core/errors';
import { sizeOf } from '#core/tensor';
import type { TensorTable } from '../tensor-table.ts';

export interface MergeRecipe {
  /** How much of B, or of its difference to C, comes in. */
  readonly multiplier: number;
  /** In place of it for each block of the U-Net: base, input blocks, middle, output blocks. */
  readonly blockWeights?: readonly number[] | undefined;
}

/** Numbers of blocks in a list of weights, base included: SD 1 and 2, SDXL. */
const blockCounts: Readonly<Record<number, number>> = { 26: 12, 20: 9 };

/** How much of B comes into a tensor. @throws UserError `merge.blocks` */
export function shareOf(name: string, { multiplier, blockWeights }: MergeRecipe): number {
  if (!blockWeights) return multiplier;
  const blocks = blockCounts[blockWeights.length];
  if (blocks === undefined) {
    const message = `Block weights are 26 numbers (SD 1, SD 2) or 20 (SDXL): base, IN, M, OUT; got ${blockWeights.length}.`;
    throw new UserError('merge.blocks', message);
  }
  const [, part, index] = /diffusion_model\.(input_blocks|middle_block|output_blocks)\.(\d+)/.exec(name) ?? [];
  if (part === 'input_blocks') return blockWeights[1 + Number(index)]!;
  if (part === 'middle_block') return blockWeights[1 + blocks]!;
  return part === 'output_blocks' ? blockWeights[2 + blocks + Number(index)]! : blockWeights[0]!;
}

/** Whether a tensor of A takes part. */
export function isMerged(name: string, b: TensorTable): boolean {
  return name.includes('model') && b.has(name) && !name.endsWith('position_ids');
}

export interface Values {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/**
 * A (1 - m) + B m; with C, A + m (B - C), and a tensor that C lacks adds nothing. The first convolution of a model that
 * takes more channels than B changes in those that both have. @throws UserError `merge.shape`
 */
export function mergedValues(
  name: string,
  a: Values,
  b: Values,
  c: Values | undefined | 'lacks',
  m: number,
): Float32Array {
  if (c === 'lacks') return a.data;
  const out = Float32Array.from(a.data);
  const narrow = a.shape.length === 4 && a.shape[0] === b.shape[0] && b.shape[1]! < a.shape[1]!;
  if (sizeOf(a.shape) !== sizeOf(b.shape) && !narrow) {
    const message = `${name} is [${a.shape}] in A and [${b.shape}] in B; models of one family can be merged.`;
    throw new UserError('merge.shape', message);
  }
  const [rowA, rowB] = narrow
    ? [sizeOf(a.shape) / a.shape[0]!, sizeOf(b.shape) / b.shape[0]!]
    : [out.length, out.length];
  for (let i = 0; i < b.data.length; i++) {
    const at = Math.floor(i / rowB) * rowA + (i % rowB);
    out[at] = c ? a.data[at]! + m * (b.data[i]! - c.data[i]!) : a.data[at]! * (1 - m) + b.data[i]! * m;
  }
  return out;
}
