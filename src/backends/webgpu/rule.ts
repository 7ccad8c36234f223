/** What rules for operations give and get. Every operation has one; the table (rules/table.ts) is total by type. */

import type { Op } from '#graph/ops';
import type { Value } from '#graph/value';
import type { Emitter } from './emitter.ts';
import type { Planner } from './planner.ts';

/** The value of `v` at `index` as a WGSL expression; may write statements before it. */
export type PointwiseWriter<O extends Op> = (e: Emitter, v: Value<O>, index: string) => string;

/**
 * `view`: moves elements and computes nothing, so that kernels may read through it.
 * `map`: computes from few elements, and joins its users where it has one.
 * `sweep`: computes each element from many; never computed twice.
 */
export interface PointwiseRule<O extends Op> {
  readonly kind: 'view' | 'map' | 'sweep';
  readonly write: PointwiseWriter<O>;
  /** Schedules kernels whose results `write` needs (`Emitter.prepared`). */
  readonly prepare?: (p: Planner, v: Value<O>) => void;
}

/** Schedules kernels that compute `v` and what follows it (`Planner.finish`). */
export interface KernelRule<O extends Op> {
  readonly kind: 'kernel';
  readonly schedule: (p: Planner, v: Value<O>) => void;
  /** Operands that the kernel reads through pointwise operations, whatever they are. */
  readonly absorbs?: boolean;
}

export type Rule<O extends Op> = PointwiseRule<O> | KernelRule<O>;

/** A rule table that is total over a group of operations. */
export type RuleTable<Group extends Op> = { readonly [O in Group]: Rule<O> };
