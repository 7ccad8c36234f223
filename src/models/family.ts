/**
 * What a model family offers, in terms that name no family: how it is recognised, what its limits are, and the parts
 * that pipelines put together.
 */

import type { Prediction } from '#diffusion/parameterization';
import type { Graph } from '#graph/value';
import type { Fields } from './fields.ts';
import type { KeyMap } from './keys.ts';
import type { ImageSize } from './nn/grid.ts';
import type { DeclaredParameter } from './nn/scope.ts';
import type { TensorTable } from './tensor-table.ts';
import type { FoundModel } from './traits.ts';

/** The noise the model was trained with: sqrt(beta) is linear from start to end ("scaled linear"). */
export interface TrainingSchedule {
  readonly kind: 'scaled-linear';
  readonly betaStart: number;
  readonly betaEnd: number;
  readonly steps: number;
  /** Rescaled so that the last step is noise alone (Lin et al. 2023). */
  readonly zeroTerminalSnr?: boolean | undefined;
}

export interface LatentFormat {
  readonly channels: number;
  /** Denoiser's latent = VAE's latent * scale. */
  readonly scale: number;
  /** Pixels to one latent cell along a side. */
  readonly factor: number;
  /** Colours are about linear in the channels: [channels][3] to RGB in -1..1, for quick previews. */
  readonly previewFactors?: readonly (readonly number[])[];
}

/** What faces show and check, as data. Sizes in pixels. */
export interface ModelLimits {
  readonly defaultSize: { readonly width: number; readonly height: number };
  /** Sides must be multiples of this. */
  readonly sizeMultiple: number;
  /** Sides that are multiples of this share one compiled denoiser. */
  readonly gridMultiple: number;
  readonly maxClipSkip: number;
}

/** One text encoder: ids i64 [batch, positions] -> `context` f32 [batch, positions, width]. */
export interface TextEncoderPart {
  readonly component: string;
  readonly positions: number;
  readonly width: number;
  readonly startId: number;
  readonly endId: number;
  readonly padId: number;
  graph(options?: { clipSkip?: number }): Graph;
}

/**
 * The predictor: `sample` f32 [batch, inChannels, h, w] (latents already scaled to unit variance), `timestep` f32
 * [batch], `context` f32 [batch, tokens, width] -> `prediction` f32 [batch, latent channels, h, w].
 */
export interface DenoiserPart {
  readonly component: string;
  readonly contextWidth: number;
  readonly inChannels: number;
  /** What is concatenated to the latent on channels: nothing, or mask (1 = repaint) and the masked picture's latent. */
  readonly extraInput: 'none' | 'mask-and-masked-latent';
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
  readonly schedule: TrainingSchedule;
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

/** Side files and metadata of a single file. */
export interface SingleFileHints {
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
}

export interface ModelFamily<Config = unknown> extends FamilyIdentity {
  /** What it can run (see `variantOf` in traits.ts); undefined is the plain model. */
  readonly variants: readonly (string | undefined)[];
  readonly components: readonly ComponentLayout[];
  /** `components`: tensors by component, prefixes taken off. */
  configOfSingleFile(components: ReadonlyMap<string, TensorTable>, hints: SingleFileHints): Config;
  configOfFolder(configs: FolderConfigs): Config;
  /** The config with the autoencoder replaced by the one in these tensors (prefix taken off). */
  withVae(config: Config, tensors: TensorTable, settings: Fields | undefined): Config;
  /** The map that names a component's stored tensors, for tensors whose prefix is taken off. */
  keys(config: Config, component: string, tensors: TensorTable): KeyMap;
  /** Every parameter of every component, with canonical names. */
  parameters(config: Config): readonly DeclaredParameter[];
  /** Stored tensors that are known and not needed, by their full name in the file. */
  readonly ignored: readonly RegExp[];
  parts(config: Config): ModelParts;
}
