/**
 * What a file of tensors is, from names and shapes alone: its kind, the model family it belongs to and its parts.
 *
 * Kinds that merely contain pieces of a model (LoRA, embedding, ControlNet, ...) are looked for before models, since
 * some of them carry a model's names. What nothing matches is `unknown`: nothing is ever guessed to be SD 1.
 */

import { sizeOf } from '#core/tensor';
import { clipPrefix } from './clip/infer.ts';
import { below, type TensorTable } from './tensor-table.ts';
import { contextWidthOf, hasLinearProjection, isDiffusersUNet, isLdmUNet } from './unet/infer.ts';
import { isDiffusersVae, isLdmVae } from './vae/infer.ts';

export type FileKind =
  | 'checkpoint'
  | 'unet'
  | 'vae'
  | 'text-encoder'
  | 'lora'
  | 'embedding'
  | 'hypernetwork'
  | 'controlnet'
  | 't2i-adapter'
  | 'ip-adapter'
  | 'tiny-autoencoder'
  | 'upscaler'
  | 'unknown';

export interface FilePart {
  /** Prefix of the part's tensors without the last dot; empty for a file that is one part. */
  readonly name: string;
  readonly tensors: number;
  readonly parameters: number;
  readonly dtypes: readonly string[];
}

export interface FileDescription {
  readonly kind: FileKind;
  /** Family the file is or was made for: `sd1`, `sd2`, `sdxl`, `sdxl-refiner`; undefined when it cannot be told. */
  readonly family: string | undefined;
  /** What the U-Net takes beside the latent: `inpaint`, `instruct-pix2pix`, `depth`, `upscale`, `unclip`. */
  readonly variant: string | undefined;
  /** For sentences: `an SDXL checkpoint`, `a LoRA for Stable Diffusion 1`. */
  readonly title: string;
  readonly parts: readonly FilePart[];
}

/** Where a model's U-Net may be, in single files, folders and bare files. */
export const unetPrefixes = ['model.diffusion_model.', 'diffusion_model.', 'unet.', ''] as const;
export const vaePrefixes = ['first_stage_model.', 'vae.', ''] as const;

const familyTitles: Readonly<Record<string, string>> = {
  sd1: 'Stable Diffusion 1',
  sd2: 'Stable Diffusion 2',
  sdxl: 'SDXL',
  'sdxl-refiner': 'SDXL refiner',
};

const kindTitles: Readonly<Record<FileKind, string>> = {
  checkpoint: 'checkpoint',
  unet: 'U-Net',
  vae: 'VAE',
  'text-encoder': 'text encoder',
  lora: 'LoRA',
  embedding: 'textual inversion embedding',
  hypernetwork: 'hypernetwork',
  controlnet: 'ControlNet',
  't2i-adapter': 'T2I adapter',
  'ip-adapter': 'IP adapter',
  'tiny-autoencoder': 'tiny autoencoder (TAESD)',
  upscaler: 'upscaler',
  unknown: 'file of unknown kind',
};

interface Signature {
  readonly kind: FileKind;
  matches(names: readonly string[], tensors: TensorTable): boolean;
}

const some = (names: readonly string[], pattern: RegExp): boolean => names.some((n) => pattern.test(n));

const adapterSuffix =
  /\.(lora_down|lora_up|lora_A|lora_B|lora\.down|lora\.up|hada_w1_a|lokr_w[12](_a)?|oft_blocks|dora_scale)(\.weight)?$|_lora\.(down|up)\.weight$/;

/** Kinds other than models and their components, most telling first. */
const signatures: readonly Signature[] = [
  { kind: 'ip-adapter', matches: (names) => some(names, /^ip_adapter\./) },
  {
    kind: 'controlnet',
    matches: (names) => some(names, /^(control_model\.|lora_controlnet$|controlnet_cond_embedding\.)/),
  },
  { kind: 'controlnet', matches: (names) => some(names, /^(zero_convs\.\d+\.0\.|controlnet_down_blocks\.)/) },
  { kind: 'lora', matches: (names) => some(names, adapterSuffix) || names.every((n) => /^lora_(unet|te\d?)_/.test(n)) },
  { kind: 'lora', matches: (names) => some(names, /\.(diff|diff_b|on_input|w_norm|b_norm)$/) },
  { kind: 'embedding', matches: (names) => some(names, /^(emb_params$|string_to_param(\.|$))/) },
  { kind: 'embedding', matches: (names) => names.every((n) => n === 'clip_l' || n === 'clip_g') },
  { kind: 'embedding', matches: (_, tensors) => tensors.size === 1 && isVectors(tensors) },
  { kind: 'hypernetwork', matches: (names) => some(names, /^\d+\.[01]\.linear\.\d+\.weight$/) },
  { kind: 't2i-adapter', matches: (names) => some(names, /^(adapter\.)?body\.0\.(in_conv|block1|body|resnets)\b/) },
  {
    kind: 'tiny-autoencoder',
    matches: (names) => some(names, /^(encoder\.layers\.|decoder\.layers\.|taesd_\w+\.)?1\.conv\.0\.weight$/),
  },
  {
    kind: 'tiny-autoencoder',
    matches: (names) => some(names, /^(taesd_)?(encoder|decoder)\.layers\.\d+\.(conv\.0\.)?weight$/),
  },
  {
    kind: 'upscaler',
    matches: (names) =>
      some(names, /(^|\.)(body\.0\.rdb1\.conv1|RRDB_trunk\.0\.RDB1\.conv1|model\.1\.sub\.0\.RDB1\.conv1\.0)\.weight$/),
  },
];

/** A lone matrix of token vectors under the token's own name, as diffusers saves an embedding. */
function isVectors(tensors: TensorTable): boolean {
  const [name, { shape }] = [...tensors][0]!;
  return !name.includes('.') && (shape.length === 1 || shape.length === 2);
}

/**
 * Says what a file is. Names are those in the file; in a folder, each behind its component's name and a dot. `told` is
 * the family that the file's metadata states, which then counts.
 */
export function describeFile(tensors: TensorTable, told?: string): FileDescription {
  const names = [...tensors.keys()];
  const parts = partsOf(tensors);
  const kind = names.length === 0 ? undefined : signatures.find((s) => s.matches(names, tensors))?.kind;
  if (kind) return entitled(kind, adaptedFamily(kind, tensors), undefined, parts);
  const unet = unetOf(tensors);
  if (unet) {
    const alone = findVae(tensors) === undefined && !some(names, /^(cond_stage_model|conditioner|text_encoder)/);
    return entitled(alone ? 'unet' : 'checkpoint', told ?? unet.family, unet.variant, parts);
  }
  if (findVae(tensors) !== undefined) return entitled('vae', undefined, undefined, parts);
  if ([tensors, below(tensors, 'text_encoder.')].some((t) => clipPrefix(t) !== undefined)) {
    return entitled('text-encoder', undefined, undefined, parts);
  }
  return entitled('unknown', undefined, undefined, parts);
}

function entitled(
  kind: FileKind,
  family: string | undefined,
  variant: string | undefined,
  parts: readonly FilePart[],
): FileDescription {
  const model = kind === 'checkpoint' || kind === 'unet';
  const base = family ? familyTitles[family] : undefined;
  const words = model ? [base ?? 'diffusion', variant, kindTitles[kind]] : [kindTitles[kind]];
  const noun = words.filter(Boolean).join(' ');
  const article = /^(SDXL|IP |upscaler)/.test(noun) ? 'an' : 'a';
  const title = `${article} ${noun}${!model && base ? ` for ${base}` : ''}`;
  return { kind, family, variant, title, parts };
}

function findVae(tensors: TensorTable): string | undefined {
  return vaePrefixes.find((p) => isLdmVae(below(tensors, p)) || isDiffusersVae(below(tensors, p)));
}

function unetOf(tensors: TensorTable): { family: string | undefined; variant: string | undefined } | undefined {
  const prefix = unetPrefixes.find((p) => isLdmUNet(below(tensors, p)) || isDiffusersUNet(below(tensors, p)));
  if (prefix === undefined) return undefined;
  const unet = below(tensors, prefix);
  const input = unet.get('input_blocks.0.0.weight') ?? unet.get('conv_in.weight');
  const label = (unet.get('label_emb.0.0.weight') ?? unet.get('add_embedding.linear_1.weight'))?.shape[1];
  const output = unet.get('out.2.weight') ?? unet.get('conv_out.weight');
  return { family: familyOf(unet, label), variant: variantOf(input?.shape[1] ?? 4, output?.shape[0] ?? 4, label) };
}

/** SD1 projects by 1x1 convolutions; SDXL has a label embedding, and so have SD2's unCLIP models, by their widths. */
function familyOf(unet: TensorTable, label: number | undefined): string | undefined {
  if (contextWidthOf(unet) === undefined) return undefined;
  if (!hasLinearProjection(unet)) return label === undefined ? 'sd1' : undefined;
  if (label === undefined || label === 1536 || label === 2048) return 'sd2';
  return label === 2560 ? 'sdxl-refiner' : 'sdxl';
}

/** By what goes in beside the latent, which is as wide as what comes out. */
function variantOf(channels: number, latent: number, label: number | undefined): string | undefined {
  const byExtra: Readonly<Record<number, string>> = { 1: 'depth', 3: 'upscale' };
  if (channels === 2 * latent + 1) return 'inpaint';
  if (channels === 2 * latent) return 'instruct-pix2pix';
  return byExtra[channels - latent] ?? (label === 1536 || label === 2048 ? 'unclip' : undefined);
}

/** The family that an adapter was made for, by the width of the context that it reads or replaces. */
function adaptedFamily(kind: FileKind, tensors: TensorTable): string | undefined {
  const byWidth: Readonly<Record<number, string>> = { 768: 'sd1', 1024: 'sd2', 2048: 'sdxl' };
  if (kind === 'embedding') return embeddedFamily(tensors);
  const reads =
    /attn2[._]to_k\.(lora_down\.weight|lora_A\.weight|lora_A\.default\.weight|hada_w1_b|weight)$|to_k_ip\.weight$/;
  for (const [name, { shape }] of tensors) if (reads.test(name)) return byWidth[shape[1]!];
  return undefined;
}

function embeddedFamily(tensors: TensorTable): string | undefined {
  if (tensors.has('clip_g')) return 'sdxl';
  const [facts] = tensors.values();
  const byWidth: Readonly<Record<number, string>> = { 768: 'sd1', 1024: 'sd2' };
  return byWidth[facts!.shape.at(-1)!];
}

const knownPrefixes = [
  'model.diffusion_model',
  'first_stage_model',
  'cond_stage_model',
  'conditioner.embedders.0',
  'conditioner.embedders.1',
  'model_ema',
  'control_model',
  'unet',
  'vae',
  'text_encoder',
  'text_encoder_2',
] as const;

function partsOf(tensors: TensorTable): FilePart[] {
  const parts = new Map<string, { tensors: number; parameters: number; dtypes: Set<string> }>();
  for (const [name, { dtype, shape }] of tensors) {
    const prefix = knownPrefixes.find((p) => name.startsWith(`${p}.`)) ?? '';
    const part = parts.get(prefix) ?? { tensors: 0, parameters: 0, dtypes: new Set<string>() };
    parts.set(prefix, part);
    part.tensors++;
    part.parameters += sizeOf(shape);
    part.dtypes.add(dtype);
  }
  return [...parts].map(([name, p]) => ({
    name,
    tensors: p.tensors,
    parameters: p.parameters,
    dtypes: [...p.dtypes].sort(),
  }));
}
