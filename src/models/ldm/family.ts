/** What the families of latent diffusion share: where U-Net and VAE are in a file, their names there, what is left over. */

import { clipKeys } from '../clip/keys.ts';
import { isOpenClip, openClipKeys } from '../clip/open-clip.ts';
import { vaeFromDiffusers } from '../diffusers-config.ts';
import type { ComponentLayout, SingleFileHints, SingleFilePart } from '../family.ts';
import type { Fields } from '../fields.ts';
import { type KeyMap, sameName } from '../keys.ts';
import { ModelFileError } from '../model-error.ts';
import type { DeclaredParameter, Scope } from '../nn/scope.ts';
import type { TensorTable } from '../tensor-table.ts';
import { unetPrefixes, vaePrefixes } from '../traits.ts';
import type { UNetConfig } from '../unet/config.ts';
import { isDiffusersUNet, isLdmUNet } from '../unet/infer.ts';
import { ldmUNetKeys } from '../unet/keys.ts';
import { unetGraph, unetScope } from '../unet/network.ts';
import { inferVae, isDiffusersVae, isLdmVae } from '../vae/infer.ts';
import { diffusersVaeKeys, ldmVaeKeys } from '../vae/keys.ts';
import { vaeDecoderGraph, vaeEncoderGraph, vaeScope } from '../vae/network.ts';
import type { LdmConfig } from './parts.ts';

export const ldmComponents: readonly ComponentLayout[] = [
  { component: unetScope, prefixes: unetPrefixes, recognise: (t) => isLdmUNet(t) || isDiffusersUNet(t) },
  { component: vaeScope, prefixes: vaePrefixes, recognise: (t) => isLdmVae(t) || isDiffusersVae(t) },
];

/** Names of modules in adapters whose trainers loaded a single file. */
export function ldmAdapterKeys({ unet }: LdmConfig, component: string): readonly KeyMap[] {
  return component === unetScope ? [ldmUNetKeys(unet)] : [];
}

/** The map of a component's names: of the U-Net, the VAE, or else a text encoder of CLIP in either layout. */
export function ldmKeys(config: LdmConfig, component: string, tensors: TensorTable): KeyMap {
  if (component === unetScope) return isLdmUNet(tensors) ? ldmUNetKeys(config.unet) : sameName;
  if (component === vaeScope) return isLdmVae(tensors) ? ldmVaeKeys(config.vae) : diffusersVaeKeys;
  return isOpenClip(tensors) ? openClipKeys : clipKeys;
}

/** The configuration with the VAE of another file, by its settings where there are any. */
export function ldmWithVae<C extends LdmConfig>(config: C, tensors: TensorTable, settings: Fields | undefined): C {
  const vae = settings ? vaeFromDiffusers(settings) : inferVae(tensors, config.vae.scalingFactor);
  return { ...config, vae };
}

/** The original layout of a single file: U-Net and VAE, then the text encoders as the family has them. */
export function ldmSingleFile({ unet, vae }: LdmConfig, encoders: readonly SingleFilePart[]): SingleFilePart[] {
  return [
    { component: unetScope, prefix: 'model.diffusion_model.', keys: ldmUNetKeys(unet) },
    { component: vaeScope, prefix: 'first_stage_model.', keys: ldmVaeKeys(vae) },
    ...encoders,
  ];
}

/** Latents of this many channels are scaled as they have been published. */
const publishedChannels = 4;

/** A single file says nothing about the scale of its latents; of others than the published ones nobody knows it. */
export function checkLatents({ outChannels }: UNetConfig, { yaml }: SingleFileHints): void {
  if (outChannels === publishedChannels || yaml) return;
  const message = `its latents have ${outChannels} channels, not ${publishedChannels}, and how they are scaled is not known`;
  throw new ModelFileError('latents', `${message}; a .yaml beside the file, or a diffusers folder, says it`);
}

/** A tensor of a single file: which parameter it holds, under which name, with which stored shape. */
export interface SingleFileTensor {
  readonly parameter: string;
  readonly name: string;
  readonly shape: readonly number[];
}

/** Every tensor of a single file of these components, for writing one. */
export function singleFileTensors(
  parameters: readonly DeclaredParameter[],
  parts: readonly SingleFilePart[],
): SingleFileTensor[] {
  return parameters.flatMap(({ name, shape }) => {
    const part = parts.find(({ component }) => name.startsWith(`${component}.`));
    if (!part) return [];
    const stored = part.keys(name.slice(part.component.length + 1))[0]!.name;
    const convolution = /\.attn_1\.(q|k|v|proj_out)\.weight$/.test(stored);
    return [{ parameter: name, name: part.prefix + stored, shape: convolution ? [...shape, 1, 1] : shape }];
  });
}

/** Declares the parameters of U-Net and VAE. */
export function declareLdm(config: LdmConfig, scope: Scope): readonly DeclaredParameter[] {
  unetGraph(config.unet, { scope: scope.child(unetScope) });
  vaeEncoderGraph(config.vae, { scope: scope.child(vaeScope) });
  vaeDecoderGraph(config.vae, { scope: scope.child(vaeScope) });
  return scope.declared();
}

/** Tensors without a value by which trainers say how a single file was trained. */
export const velocityKey = 'v_pred';
export const zeroTerminalKey = 'ztsnr';

export function ldmMarks({ prediction, schedule }: LdmConfig): readonly string[] {
  return [...(prediction === 'v' ? [velocityKey] : []), ...(schedule.zeroTerminalSnr ? [zeroTerminalKey] : [])];
}

/** Known and not needed, by full name. */
export const ldmIgnored: readonly RegExp[] = [
  /^(betas|alphas_cumprod(_prev)?|(sqrt_|log_)\w*alphas_cumprod|sqrt_recipm1_alphas_cumprod|posterior_\w+|logvar)$/,
  /^denoiser\.sigmas$/,
  /^model_ema\./,
  /(^|\.)logit_scale$/,
  /(^|\.)position_ids$/,
  /^(first_stage_model\.)?loss\./,
  /^safety_checker\./,
  new RegExp(`^(${velocityKey}|${zeroTerminalKey})$`),
];
