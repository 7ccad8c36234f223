/** What a network that reads digits is, so that one task trains and one function asks any of them. */

import type { Value } from '#graph/value';
import type { Scope } from '#models/nn/scope';
import type { DigitNetworkName } from '../names.ts';

/** What a network makes of pictures. */
export interface Reading {
  /** [batch, 10]; the largest is the answer. */
  readonly scores: Value;
  /** [batch, 84], what the last layer decides by; the space in which the lab measures distances. */
  readonly features: Value;
  /** Scalar. Labels are i64 [batch]. */
  loss(labels: Value): Value;
}

export interface DigitNetwork {
  readonly name: DigitNetworkName;
  readonly title: string;
  readonly about: string;
  /** With which it reads 99% of MNIST's test digits. */
  readonly training: { readonly epochs: number; readonly learningRate: number };
  /** `x` is [batch, 1, 28, 28] with 0 for paper and 1 for ink. */
  build(scope: Scope, x: Value): Reading;
}

/** Width of `features`. */
export const featureWidth = 84;
