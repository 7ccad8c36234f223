/**
 * What a file of tensors is, from names and shapes alone: its kind and its parts; which model family it belongs to, the
 * families say themselves.
 *
 * Kinds that merely contain pieces of a model (LoRA, embedding, ControlNet, ...) are looked for before models, since
 * some of them carry a model's names; but the body of the file decides: what is left over from training or merging in
 * a whole model does not make it an adapter. What nothing matches is `unknown`: nothing is ever guessed to be SD 1.
 */

import { sizeOf } from '#core/tensor';
import { clipPrefix } from './clip/infer.ts';
import { families } from './families.ts';
import type { FamilyIdentity, ModelFamily } from './family.ts';
import { type FileKind, fileKinds, isDrawingKind } from './file-kinds.ts';
import { otherArchitecture } from './other-architectures.ts';
import { below, type TensorTable } from './tensor-table.ts';
import { findModel, findVae, variantOf } from './traits.ts';
import { isUpscaler } from './upscalers/index.ts';

export interface FilePart {
  /** Prefix of the part's tensors without the last dot; empty for a file that is one part. */
  readonly name: string;
  readonly tensors: number;
  readonly parameters: number;
  readonly dtypes: readonly string[];
}

export interface FileDescription {
  readonly kind: FileKind;
  /** Id of the family that the file is of or was made for; undefined when it cannot be told. */
  readonly family: string | undefined;
  /** What the U-Net takes beside the latent: `inpaint`, `instruct-pix2pix`, `depth`, `upscale`, `unclip`. */
  readonly variant: string | undefined;
  /** For sentences: `an SDXL checkpoint`, `a LoRA for Stable Diffusion 1`. */
  readonly title: string;
  /** Why a whole model or a U-Net cannot be used. */
  readonly problem?: string;
  readonly parts: readonly FilePart[];
}

interface Signature {
  readonly kind: FileKind;
  /** A name that no other kind has; its group, if any, is the module that it adapts. */
  readonly telling: RegExp;
  /** Besides: what the whole file must be like. */
  readonly whole?: (names: readonly string[], tensors: TensorTable) => boolean;
  /** It may stand beside a whole model in one file. */
  readonly besideModel?: boolean;
}

const some = (names: readonly string[], pattern: RegExp): boolean => names.some((n) => pattern.test(n));

/** Kinds other than models and their components, most telling first. */
const signatures: readonly Signature[] = [
  { kind: 'ip-adapter', telling: /^ip_adapter\./ },
  {
    kind: 'vision-encoder',
    telling: /^vision_model\.embeddings\.patch_embedding\.weight$/,
    whole: (names) => !some(names, /^text_model\./),
  },
  { kind: 'controlnet', telling: /^control_model\.input_blocks\./, besideModel: true },
  { kind: 'controlnet', telling: /^(lora_controlnet$|controlnet_cond_embedding\.)/ },
  { kind: 'controlnet', telling: /^(control_model\.)?(zero_convs\.\d+\.0\.|controlnet_down_blocks\.)/ },
  {
    kind: 'lora',
    telling:
      /^(.*)(\.(lora_down|lora_up|lora_A|lora_B|lora\.down|lora\.up|hada_w1_a|lokr_w[12](_a)?|oft_blocks|oft_[Rr]|boft_R|dora_scale|lora_linear_layer\.down|lora_linear_layer\.up)(\.weight|\.default\.weight)?|_lora\.(down|up)\.weight)$/,
  },
  { kind: 'lora', telling: /^lora_(unet|te\d?)_/, whole: (names) => names.every((n) => /^lora_(unet|te\d?)_/.test(n)) },
  { kind: 'lora', telling: /^(.*)\.(diff|diff_b|on_input|w_norm|b_norm)$/ },
  { kind: 'embedding', telling: /^(emb_params$|string_to_param(\.|$))/ },
  { kind: 'embedding', telling: /^clip_[lg]$/, whole: (names) => names.every((n) => n === 'clip_l' || n === 'clip_g') },
  { kind: 'embedding', telling: /^[^.]+$/, whole: (_, tensors) => tensors.size === 1 && isVectors(tensors) },
  { kind: 'hypernetwork', telling: /^\d+\.[01]\.linear\.\d+\.weight$/ },
  { kind: 't2i-adapter', telling: /^(adapter\.)?body\.0\.(in_conv|block1|body|resnets)\b/ },
  // The decoder's chain begins with a bound and a relu, which have no weights.
  { kind: 'tiny-autoencoder', telling: /^(encoder\.layers\.|decoder\.layers\.|taesd_\w+\.)?[13]\.conv\.0\.weight$/ },
  { kind: 'tiny-autoencoder', telling: /^(taesd_)?(encoder|decoder)\.layers\.\d+\.(conv\.0\.)?weight$/ },
  { kind: 'upscaler', telling: /\.weight$/, whole: (_, tensors) => isUpscaler(tensors) },
];

/** The kind of a file that holds pieces of a model; undefined where a whole part of one is left without them. */
function kindOfPiece(tensors: TensorTable): FileKind | undefined {
  const names = [...tensors.keys()];
  const fits = ({ telling, whole }: Signature): boolean => some(names, telling) && (whole?.(names, tensors) ?? true);
  return signatures.find((each) => fits(each) && (each.besideModel || !hasModelPart(without(tensors, each))))?.kind;
}

/** The tensors that a signature does not explain: those of other names, in other modules. */
function without(tensors: TensorTable, { telling }: Signature): TensorTable {
  const modules = new Set([...tensors.keys()].flatMap((name) => telling.exec(name)?.[1] ?? []));
  const explained = (name: string): boolean => telling.test(name) || modulesOf(name).some((m) => modules.has(m));
  return new Map([...tensors].filter(([name]) => !explained(name)));
}

function modulesOf(name: string): string[] {
  return [...name.matchAll(/\./g)].map(({ index }) => name.slice(0, index));
}

function hasModelPart(tensors: TensorTable): boolean {
  const { unet } = findModel(tensors);
  return unet !== undefined || findVae(tensors) !== undefined || hasTextEncoder(tensors);
}

function hasTextEncoder(tensors: TensorTable): boolean {
  const prefixes = ['', 'text_encoder.', 'cond_stage_model.transformer.'];
  return prefixes.some((prefix) => clipPrefix(below(tensors, prefix)) !== undefined);
}

/** A lone matrix of token vectors under the token's own name, as diffusers saves an embedding. */
function isVectors(tensors: TensorTable): boolean {
  const [name, { shape }] = [...tensors][0]!;
  return !name.includes('.') && (shape.length === 1 || shape.length === 2);
}

export interface DescribeOptions {
  /** The family that the file's metadata states, which then counts. */
  readonly told?: string | undefined;
  /** In the order in which they are asked. */
  readonly known?: readonly (FamilyIdentity & Pick<ModelFamily, 'variants'>)[];
  /** Class of the pipeline that a diffusers folder names. */
  readonly pipeline?: string | undefined;
}

/** Says what a file is. Names are those in the file; in a folder, each behind its component's name and a dot. */
export function describeFile(
  tensors: TensorTable,
  { told, known = families, pipeline }: DescribeOptions = {},
): FileDescription {
  const names = [...tensors.keys()];
  const parts = partsOf(tensors);
  const piece = kindOfPiece(tensors);
  if (piece) return entitled(piece, adaptedFamily(piece, tensors, known), undefined, parts);
  const found = findModel(tensors, told);
  const whole = findVae(tensors) !== undefined || some(names, /^(cond_stage_model|conditioner|text_encoder)/);
  const other = otherArchitecture(tensors, pipeline);
  if (other) {
    const { title, lacks = 'its network' } = other;
    const kind = found.unet && !whole ? 'unet' : 'checkpoint';
    const problem = `it needs ${lacks}, which Darkroom does not have`;
    return { kind, family: undefined, variant: undefined, title, problem, parts };
  }
  const family = known.find((each) => each.matches(found));
  if (found.unet || family) {
    const variant = (found.unet && variantOf(found.unet)) ?? family?.variantOf?.(found);
    const described = entitled(found.unet && !whole ? 'unet' : 'checkpoint', family, variant, parts);
    const runs = family?.variants.includes(variant);
    return runs ? described : { ...described, problem: `Darkroom draws with ${titlesOf(known)}` };
  }
  if (findVae(tensors) !== undefined) return entitled('vae', undefined, undefined, parts);
  if (hasTextEncoder(tensors)) return entitled('text-encoder', undefined, undefined, parts);
  const problem = 'nothing in it is part of a model that Darkroom knows';
  return { ...entitled('unknown', undefined, undefined, parts), problem };
}

/** What each family runs, for sentences. */
function titlesOf(known: NonNullable<DescribeOptions['known']>): string {
  return known
    .map(({ title, variants }) => [title, variants.filter((v) => v !== undefined)] as const)
    .map(([title, further]) => (further.length === 0 ? title : `${title} (also ${further.join(', ')})`))
    .join(', ');
}

function entitled(
  kind: FileKind,
  family: FamilyIdentity | undefined,
  variant: string | undefined,
  parts: readonly FilePart[],
): FileDescription {
  const model = isDrawingKind(kind);
  const base = family?.title;
  const words = model ? [base ?? 'diffusion', variant, fileKinds[kind]] : [fileKinds[kind]];
  const noun = words.filter(Boolean).join(' ');
  const article = /^(SDXL|IP |upscaler)/.test(noun) ? 'an' : 'a';
  const title = `${article} ${noun}${!model && base ? ` for ${base}` : ''}`;
  return { kind, family: family?.id, variant, title, parts };
}

/** The family that an adapter was made for, by the width of the context that it reads or replaces. */
function adaptedFamily(
  kind: FileKind,
  tensors: TensorTable,
  known: readonly FamilyIdentity[],
): FamilyIdentity | undefined {
  const byWidth = (width: number | undefined) =>
    known.find((each) => each.contextWidth === width && width !== undefined);
  if (kind === 'embedding') {
    const named = known.find(({ embeddingKeys = [] }) => embeddingKeys.some((key) => tensors.has(key)));
    return named ?? byWidth([...tensors.values()][0]!.shape.at(-1));
  }
  const reads =
    /attn2[._]to_k\.(lora_down\.weight|lora_A\.weight|lora_A\.default\.weight|hada_w1_b|weight)$|to_k_ip\.weight$/;
  for (const [name, { shape }] of tensors) if (reads.test(name)) return byWidth(shape[1]);
  return undefined;
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
