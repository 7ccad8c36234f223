/** A model as pipelines run it: where it came from, its parts and its weights. Opening files is the caller's business. */

import type { WeightSource } from '#engine/backend';
import type { CombinedAdapters } from '#models/adapters/combine';
import type { Matrix } from '#models/adapters/matrix';
import type { ModelAdapter } from '#models/adapters/open';
import type { ClipVisionFile } from '#models/clip/vision';
import type { ControlModel } from '#models/control/open';
import type { ModelParts } from '#models/family';
import type { Hypernetwork } from '#models/hypernetworks/read';
import type { OpenedTaesd } from '#models/taesd/open';
import type { ModelReference } from './request.ts';

export interface PipelineModel {
  readonly reference: ModelReference;
  /** The VAE that stands in for the checkpoint's own. */
  readonly vae?: { readonly name: string; readonly hash?: string };
  readonly parts: ModelParts;
  readonly weights: WeightSource;
  /** What is odd about the file and yet does not stop it, one sentence each. */
  readonly warnings: readonly string[];
  /** A LoRA by what a prompt calls it; undefined when there is none. @throws UserError for one that does not fit */
  openLora?(name: string): Promise<FoundAdapter | undefined>;
  /** The same of hypernetworks. */
  openHypernetwork?(name: string): Promise<FoundHypernetwork | undefined>;
  /** What prompts may call textual inversions by; those that only their files tell, where `texts` may name one. */
  embeddingNames?(texts: readonly string[]): Promise<readonly string[]>;
  /** One by its name. @throws UserError for one that does not fit */
  openEmbedding?(name: string): Promise<FoundEmbedding>;
  /** A control network by its name; undefined when there is none. @throws UserError for one that does not fit */
  openControl?(name: string): Promise<FoundControl | undefined>;
  /** A vision encoder whose embedding, or whose states, are so wide; undefined when there is none. */
  openVision?(wanted: VisionWidths): Promise<ClipVisionFile | undefined>;
  /** The tiny autoencoder of its latents; undefined when there is none. */
  openTiny?(): Promise<OpenedTaesd | undefined>;
  /** The weights of a component with what adapters merge into them. */
  mergedWeights?(component: string, adapters: CombinedAdapters): Promise<WeightSource>;
  /** Parameters of a component that hold NaN or infinity; asked only when an output was not finite. */
  findNonFinite?(component: string): Promise<readonly string[]>;
  /** Whether its files are still those that were opened; asked before each request. Default: they are. */
  isCurrent?(): Promise<boolean>;
}

export interface FoundAdapter {
  readonly adapter: ModelAdapter;
  /** Textual inversions that it brings along, by name: [vectors, width] by the text encoder's component. */
  readonly embeddings?: ReadonlyMap<string, FoundEmbedding['tables']> | undefined;
  /** As infotexts carry it: twelve digits. */
  readonly hash?: string | undefined;
}

export interface FoundHypernetwork {
  readonly network: Hypernetwork;
  /** As infotexts carry it: ten digits. */
  readonly hash?: string | undefined;
}

export interface FoundEmbedding {
  /** [vectors, width] by the text encoder's component. */
  readonly tables: ReadonlyMap<string, Matrix>;
  /** As infotexts carry it: twelve digits. */
  readonly hash?: string | undefined;
}

export interface FoundControl {
  /** As sd-webui-controlnet shows it: `name [0123abcd]`. */
  readonly title: string;
  /** Identifies the file's state. */
  readonly id: string;
  readonly model: ControlModel;
}

/** One of them. */
export interface VisionWidths {
  readonly embedding?: number;
  readonly states?: number;
}

export interface ModelRequest {
  /** Name or path; the default model when undefined. */
  readonly model: string | undefined;
  readonly vae: string | undefined;
  /** Of a model that has none of its own; found by their width where none are named. */
  readonly textEncoders?: readonly string[] | undefined;
}

/** @throws UserError for a model that is not there or cannot be used. */
export type OpenModel = (request: ModelRequest) => Promise<PipelineModel>;
