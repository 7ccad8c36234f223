/**
 * What a model family offers, in terms that name no family: how it is recognised, what its limits are, and the parts
 * that pipelines put together.
 */

import type { NoiseTable } from '#diffusion/noise-table';
import type { Prediction } from '#diffusion/parameterization';
import type { ScheduleSettings } from '#diffusion/schedules';
import type { Graph } from '#graph/value';
import type { Tokenizer } from '#prompt/tokenizer';
import type { Fields } from './fields.ts';
import type { KeyMap } from './keys.ts';
import type { ImageSize } from './nn/grid.ts';
import type { DeclaredParameter } from './nn/scope.ts';
import type { TensorTable } from './tensor-table.ts';
import type { NoiseTableOptions } from './training-noise.ts';
import type { FoundModel } from './traits.ts';
import type { UNetConfig } from './unet/config.ts';

export interface LatentFormat {
  readonly channels: number;
  /** Denoiser's latent = VAE's latent * scale. */
  readonly scale: number;
  /** Pixels to one latent cell along a side. */
  readonly factor: number;
  /** Colours are about linear in the channels: [channels][3] to RGB in -1..1, for quick previews. */
  readonly previewFactors?: readonly (readonly number[])[] | undefined;
  /** Names of the files of tiny autoencoders for such latents. */
  readonly tinyNames?: RegExp | undefined;
}

/** What faces show and check, as data. Sizes in pixels. */
export interface ModelLimits {
  readonly defaultSize: { readonly width: number; readonly height: number };
  /** Sides must be multiples of this. */
  readonly sizeMultiple: number;
  /** Sides that are multiples of this share one compiled denoiser. */
  readonly gridMultiple: number;
  readonly maxClipSkip: number;
  /** Where clip skip acts only when it is told to: how deep it may go then. */
  readonly maxForcedClipSkip?: number | undefined;
}

/**
 * One text encoder: ids i64 [batch, positions] -> `context` f32 [batch, positions, width], and `pooled` f32
 * [batch, pooledWidth] where it sums a text up in one vector. Contexts of several encoders are joined along the width.
 */
export interface TextEncoderPart {
  readonly component: string;
  readonly positions: number;
  readonly width: number;
  readonly pooledWidth?: number;
  /** Fills a text up to a whole number of chunks. */
  readonly padId: number;
  /** Name of its table in embeddings that have one for each text encoder. */
  readonly embeddingKey?: string;
  /** The same one at each call. */
  tokenizer(): Tokenizer;
  graph(options?: ClipSkip): Graph;
}

export interface ClipSkip {
  /** Default 1: the last layer, or whatever the family takes for its own. */
  readonly clipSkip?: number;
  /** Counts from the last layer also where the family takes a layer of its own. */
  readonly forced?: boolean;
}

/** What a denoiser may want to know of one condition beside its context. */
export interface Condition {
  /** Of the text's first chunk, by the component of the encoder that made it. */
  readonly pooled: Readonly<Record<string, Float32Array>>;
  /** Of the picture that is made, pixels. */
  readonly size: { readonly width: number; readonly height: number };
  /** Whether it says what the picture should not show. */
  readonly negative: boolean;
  /** What a request says of the picture; where it says nothing, it is neither cut nor judged. */
  readonly told?: ToldOfPicture | undefined;
}

/** What networks were told of pictures in their training, and are told of the one that is made. */
export interface ToldOfPicture {
  /** Pixels that were cut off. */
  readonly cropTop: number;
  readonly cropLeft: number;
  /** How good it looks, 0 to 10, and how good what is not wanted looks. */
  readonly aestheticScore: number;
  readonly negativeAestheticScore: number;
}

/**
 * The predictor: `sample` f32 [batch, inChannels, h, w] (latents already scaled to unit variance), `timestep` f32
 * [batch], `context` f32 [batch, tokens, width] -> `prediction` f32 [batch, latent channels, h, w].
 */
export interface DenoiserPart {
  readonly component: string;
  readonly contextWidth: number;
  readonly inChannels: number;
  /**
   * What is concatenated to the latent on channels: nothing; mask (1 = repaint) and the masked picture's latent; or the
   * picture's latent as the VAE gives it, not scaled.
   */
  readonly extraInput: 'none' | 'mask-and-masked-latent' | 'picture-latent';
  /** Sizes of a latent diffusion U-Net with diffusers' names, which control networks are made for; absent for others. */
  readonly unet?: UNetConfig;
  /** What of a picture it is told. */
  readonly reads?: readonly (keyof ToldOfPicture)[] | undefined;
  /** Further inputs of the graph under a condition, by name: one row of f32 [batch, length] each. */
  feeds?(condition: Condition): Readonly<Record<string, Float32Array>>;
  /** Latent size; open (`gridHeight`, `gridWidth`) when left out. */
  graph(size?: ImageSize): Graph;
  /** Bindings of the open graph's symbols for a latent size; undefined when the size does not fit its grid. */
  bindings(size: { height: number; width: number }): Record<string, number> | undefined;
}

/** The autoencoder; latents here are the VAE's own, not scaled. Open sizes by default. */
export interface AutoencoderPart {
  readonly component: string;
  /** `image` [b, 3, f*h, f*w] in -1..1 -> `mean`, `logvar` [b, c, h, w] */
  encoderGraph(size?: ImageSize): Graph;
  /** `latent` [b, c, h, w] -> `image` [b, 3, f*h, f*w], about -1..1, not clamped */
  decoderGraph(size?: ImageSize): Graph;
}

/** What pipelines need to know and run. */
export interface ModelParts {
  readonly latent: LatentFormat;
  readonly prediction: Prediction;
  /** Noise levels it was trained with. */
  noiseTable(options?: NoiseTableOptions): NoiseTable;
  /** Whether an empty negative prompt stands for zeros, not for what the encoders say to it. */
  readonly zeroEmptyNegative?: boolean;
  /** Whether it was trained on the last part of the noise alone, to finish what another model began. */
  readonly finishesOnly?: boolean;
  /** What schedules that are made for a family (Align Your Steps) are to use; their own when left out. */
  readonly schedules?: Pick<ScheduleSettings, 'alignYourSteps'>;
  readonly limits: ModelLimits;
  readonly textEncoders: readonly TextEncoderPart[];
  readonly denoiser: DenoiserPart;
  readonly autoencoder: AutoencoderPart;
}

/** Where a component's tensors are in a single file; in a folder each has its own files and no prefix. */
export interface ComponentLayout {
  readonly component: string;
  /** Possible prefixes of its tensors in the file; the first under which `recognise` agrees is taken. */
  readonly prefixes: readonly string[];
  recognise(tensors: TensorTable): boolean;
}

/** A component in the original layout of a single file. */
export interface SingleFilePart {
  readonly component: string;
  readonly prefix: string;
  readonly keys: KeyMap;
}

/** Side files and metadata of a single file. */
export interface SingleFileHints {
  /** Every tensor of the file, under its whole name. */
  readonly tensors: TensorTable;
  /** Values of the tensors that the family asked for (`reads`), where the file has them. */
  readonly values: ReadonlyMap<string, Float32Array>;
  /** The .yaml of the same name, parsed. */
  readonly yaml?: Fields | undefined;
  /** The config that Darkroom's trainer writes into the metadata, parsed. */
  readonly embedded?: Fields | undefined;
}

/** The config files of a diffusers folder by component, parsed. */
export type FolderConfigs = ReadonlyMap<string, Fields>;

/** How a family is known, also one that cannot be run. */
export interface FamilyIdentity {
  /** Stable name. */
  readonly id: string;
  /** As told to people. */
  readonly title: string;
  /** Whether a model is one of its own. */
  matches(found: FoundModel): boolean;
  /** A kind of model that channels do not tell. */
  variantOf?(found: FoundModel): string | undefined;
  /** Width of the context that its adapters read and its embeddings replace. */
  readonly contextWidth?: number;
  /** Names under which its embeddings keep their vectors. */
  readonly embeddingKeys?: readonly string[];
  /** What other programs call it in the metadata of files; its id where they do not know it. */
  readonly knownAs?: MetadataNames;
}

/** Of a family, in metadata: the architecture of modelspec, the base version of kohya's scripts. */
export interface MetadataNames {
  readonly architecture: string;
  readonly baseVersion: string;
}

export function metadataNames({ id, knownAs }: FamilyIdentity): MetadataNames {
  return knownAs ?? { architecture: id, baseVersion: id };
}

export interface ModelFamily<Config = unknown> extends FamilyIdentity {
  /** What it can run (see `variantOf` in traits.ts); undefined is the plain model. */
  readonly variants: readonly (string | undefined)[];
  /** Of the model that the family is named after: what it takes can be told before its file is here. */
  readonly published?: Config;
  /** Small tensors of a single file whose values tell what names and shapes do not. */
  readonly reads?: readonly string[];
  readonly components: readonly ComponentLayout[];
  /** `components`: tensors by component, prefixes taken off. */
  configOfSingleFile(components: ReadonlyMap<string, TensorTable>, hints: SingleFileHints): Config;
  configOfFolder(configs: FolderConfigs): Config;
  /** The config with the autoencoder replaced by the one in these tensors (prefix taken off). */
  withVae(config: Config, tensors: TensorTable, settings: Fields | undefined): Config;
  /** The map that names a component's stored tensors, for tensors whose prefix is taken off. */
  keys(config: Config, component: string, tensors: TensorTable): KeyMap;
  /**
   * Parameters that whole files hold and that a usual request does not run: others expect them in a file that is
   * written. They are missed by nobody where a file has them not.
   */
  unused?(config: Config): readonly DeclaredParameter[];
  /** Where a single file of the original layout keeps each component, and under which names; for writing one. */
  singleFile?(config: Config): readonly SingleFilePart[];
  /** Names of empty tensors by which a single file says what its names and shapes do not. */
  singleFileMarks?(config: Config): readonly string[];
  /** The config.json files of a diffusers folder by the path below it; `config` is all they are made of. */
  folderFiles?(config: Config): Readonly<Record<string, object>>;
  /** Further ways in which adapters name a component's modules, beside the canonical one. */
  adapterKeys?(config: Config, component: string): readonly KeyMap[];
  /** Trainers name the denoiser's modules as the single file does, not as diffusers. */
  readonly trainersUseFileNames?: boolean;
  /** Every parameter of every component, with canonical names. */
  parameters(config: Config): readonly DeclaredParameter[];
  /** Stored tensors that are known and not needed, by their full name in the file. */
  readonly ignored: readonly RegExp[];
  parts(config: Config): ModelParts;
}
