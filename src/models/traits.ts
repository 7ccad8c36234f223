/** What the tensors of a model tell about it, in terms that name no family: families recognise themselves by it. */

import { below, type TensorTable } from './tensor-table.ts';
import { contextWidthOf, hasLinearProjection, isDiffusersUNet, isLdmUNet, vectorWidthOf } from './unet/infer.ts';
import { isDiffusersVae, isLdmVae } from './vae/infer.ts';

/** Where a model's U-Net may be, in single files, folders and bare files. */
export const unetPrefixes = ['model.diffusion_model.', 'diffusion_model.', 'unet.', ''] as const;
export const vaePrefixes = ['first_stage_model.', 'vae.', ''] as const;

export interface UNetTraits {
  /** Width of the context that cross-attention reads; undefined without cross-attention. */
  readonly contextWidth: number | undefined;
  /** Whether the projections around the transformers are linear layers. */
  readonly linearProjection: boolean;
  /** Width of the vector that is added to the time embedding; undefined without one. */
  readonly vectorWidth: number | undefined;
  readonly inChannels: number;
  readonly outChannels: number;
}

/** What is known of a model before its family is. */
export interface FoundModel {
  /** Names are those in the file; in a folder, each behind its component's name and a dot. */
  readonly tensors: TensorTable;
  readonly unet: UNetTraits | undefined;
  /** The family that the file's own metadata states, which then counts. */
  readonly told: string | undefined;
}

export function findModel(tensors: TensorTable, told?: string): FoundModel {
  return { tensors, unet: unetTraits(tensors), told };
}

function unetTraits(tensors: TensorTable): UNetTraits | undefined {
  const prefix = unetPrefixes.find((p) => isLdmUNet(below(tensors, p)) || isDiffusersUNet(below(tensors, p)));
  if (prefix === undefined) return undefined;
  const unet = below(tensors, prefix);
  const first = (...names: string[]) => names.map((name) => unet.get(name)?.shape).find((shape) => shape !== undefined);
  return {
    contextWidth: contextWidthOf(unet),
    linearProjection: hasLinearProjection(unet),
    vectorWidth: vectorWidthOf(unet),
    inChannels: first('input_blocks.0.0.weight', 'conv_in.weight')?.[1] ?? 4,
    outChannels: first('out.2.weight', 'conv_out.weight')?.[0] ?? 4,
  };
}

/** What goes in beside the latent, which is as wide as what comes out: `inpaint`, `instruct-pix2pix`, `depth`, `upscale`. */
export function variantOf({ inChannels, outChannels }: UNetTraits): string | undefined {
  const byExtra: Readonly<Record<number, string>> = { 1: 'depth', 3: 'upscale' };
  if (inChannels === 2 * outChannels + 1) return 'inpaint';
  if (inChannels === 2 * outChannels) return 'instruct-pix2pix';
  return byExtra[inChannels - outChannels];
}

export function findVae(tensors: TensorTable): string | undefined {
  return vaePrefixes.find((p) => isLdmVae(below(tensors, p)) || isDiffusersVae(below(tensors, p)));
}
