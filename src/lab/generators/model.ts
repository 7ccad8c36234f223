/** What a generative model of the lab is: rows of one shape, which the comparison runs without knowing any of them. */

import type { Backend, Feeds } from '#engine/backend';
import type { EmaOptions } from '#training/ema';
import type { Weights } from '#training/loop';
import type { Optimizer } from '#training/optimizer';
import type { RandomSource } from '#training/random';
import type { Objective } from '#training/step';
import type { GeneratorName } from '../names.ts';

/** Pictures of a batch: values from -1 (paper) to 1 (ink), [batch, channels, 28, 28]. */
export interface PictureShape {
  readonly batch: number;
  /** 3: three digits on top of each other (stacked MNIST). */
  readonly channels: 1 | 3;
}

export interface Sampler {
  /** Pictures [count, channels, 28, 28] from -1 to 1. */
  sample(count: number, random: RandomSource): Promise<Float32Array>;
  /** Multiplications that one picture takes. */
  readonly multiplications: number;
  dispose(): Promise<void>;
}

export interface SamplerOptions {
  readonly backend: Backend;
  readonly weights: Weights;
  readonly threads?: number | undefined;
}

/** A model at one size of batch and pictures. */
export interface GenerativeModel {
  readonly objective: Objective;
  readonly optimizer: Optimizer;
  readonly ema?: EmaOptions;
  initialise(name: string, shape: readonly number[], random: RandomSource): Float32Array;
  /** What a step is fed. */
  feeds(pictures: Float32Array, random: RandomSource): Feeds;
  sampler(options: SamplerOptions): Promise<Sampler>;
}

export interface GeneratorRow {
  readonly name: GeneratorName;
  readonly title: string;
  readonly about: string;
  create(shape: PictureShape): GenerativeModel;
}
