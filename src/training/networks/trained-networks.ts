/**
 * What a method of training makes of a model's networks: their graphs with its own parameters in them, and which
 * parameters learn. The networks themselves stay defined once, in `models`.
 */

import type { Graph } from '#graph/value';
import type { ModelFamily, ModelParts } from '#models/family';
import type { Initializer } from '#models/nn/scope';

/** A model whose networks are trained. */
export interface TrainedModel {
  readonly family: ModelFamily;
  readonly config: unknown;
  readonly parts: ModelParts;
}

/** Reads a parameter of the model by its canonical name, as float32. */
export type ReadParameter = (name: string) => Promise<Float32Array>;

/** One whose parameters can be read as they were before the training. */
export interface ReadableModel extends TrainedModel {
  readonly read: ReadParameter;
}

/** A parameter that learns. */
export interface TrainedParameter {
  readonly name: string;
  readonly shape: readonly number[];
  readonly initial: Initializer | { readonly kind: 'values'; readonly values: Float32Array };
}

export interface TrainedNetworks {
  readonly trained: readonly TrainedParameter[];
  /** Whether something in the text encoder of this index learns; the output of one that does not can be kept. */
  trainsEncoder(index: number): boolean;
  encoder(index: number, graph: Graph): Graph;
  denoiser(graph: Graph): Graph;
  /** Of a text encoder's input, beyond ids: vectors that stand for words. */
  readonly placed?: readonly PlacedVectors[];
}

/** Vectors that stand in a prompt instead of token embeddings, of one text encoder. */
export interface PlacedVectors {
  /** i64 [batch, positions]: which vector, where there is one. */
  readonly indices: string;
  /** f32 [batch, positions, 1]: 1 where a vector stands. */
  readonly here: string;
}
