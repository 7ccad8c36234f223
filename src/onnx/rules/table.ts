/** The lowering table: every operation except the leaves, by group. */

import type { Op } from '#graph/ops';
import type { LoweringTable } from '../rule.ts';
import { contractionRules } from './contraction.ts';
import { elementwiseRules } from './elementwise.ts';
import { movementRules } from './movement.ts';
import { normalisationRules } from './normalisation.ts';
import { spatialRules } from './spatial.ts';

export type ComputedOp = Exclude<Op, 'input' | 'parameter' | 'constant'>;

export const loweringRules: LoweringTable<ComputedOp> = {
  ...elementwiseRules,
  ...contractionRules,
  ...normalisationRules,
  ...spatialRules,
  ...movementRules,
};
