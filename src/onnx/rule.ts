/** What a lowering rule gets and gives. */

import type { Op } from '#graph/ops';
import type { Value } from '#graph/value';
import type { ModelBuilder } from './builder.ts';

/** Emits nodes for one value; `inputs` are the names of its lowered operands. Returns the name of the result. */
export type LoweringRule<O extends Op> = (b: ModelBuilder, v: Value<O>, inputs: readonly string[]) => string;

/** A rule table that is total over a group of operations. */
export type LoweringTable<Group extends Op> = { readonly [O in Group]: LoweringRule<O> };
