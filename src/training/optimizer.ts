/**
 * What an optimiser is: an update rule written on graph values, so that a whole training step is one session run. The
 * rules themselves are in `optimizers/`.
 */

import type { Shape } from '#core/tensor';
import type { Value } from '#graph/value';

/** State kept for one parameter. */
export interface Slot {
  readonly shape: Shape;
  /** First value; `parameter` stands for a copy of the parameter's own first values. */
  readonly initial: number | 'parameter';
}

/** One parameter as an update rule sees it. All values have one dtype. */
export interface Operand {
  readonly parameter: Value;
  /** After clipping; shape of the parameter. */
  readonly gradient: Value;
  readonly slots: Readonly<Record<string, Value>>;
  /** Whether weight decay acts on it. */
  readonly decays: boolean;
}

export interface OptimizerUpdate {
  readonly parameter: Value;
  readonly slots: Readonly<Record<string, Value>>;
}

export type Scalars = Readonly<Record<string, Value>>;

export interface Optimizer {
  readonly name: string;
  /** State kept for one parameter, by slot name. */
  slots(shape: Shape): Readonly<Record<string, Slot>>;
  /** Scalar state kept once for all parameters: name -> first value. */
  readonly shared: Readonly<Record<string, number>>;
  /** Every element is updated by itself, whatever the shape: the rule may run fused, in one pass (Backend.fuse). */
  readonly elementwise?: true;
  /**
   * Numbers fed at 1-based step `step`. They are computed in double precision on the host: bias corrections lose their
   * leading digits in float32.
   */
  scalars(step: number, learningRate: number): Readonly<Record<string, number>>;
  /** New values of every operand, in order, and of the shared state. */
  update(
    operands: readonly Operand[],
    scalars: Scalars,
    shared: Scalars,
  ): { readonly updates: readonly OptimizerUpdate[]; readonly shared: Scalars };
}

/** The part of an optimiser that updates every parameter by itself, without shared state. */
export function separately(
  rule: (operand: Operand, scalars: Scalars) => OptimizerUpdate,
): Pick<Optimizer, 'shared' | 'update'> {
  return {
    shared: {},
    update: (operands, scalars) => ({ updates: operands.map((o) => rule(o, scalars)), shared: {} }),
  };
}
