/** The table of rules: every operation except the leaves, by group. */

import type { Op } from '#graph/ops';
import type { RuleTable } from '../rule.ts';
import { contractionRules } from './contractions.ts';
import { elementwiseRules } from './elementwise.ts';
import { movementRules } from './movement.ts';
import { normalisationRules } from './normalisation.ts';
import { reductionRules } from './reductions.ts';
import { spatialRules } from './spatial.ts';

export type ComputedOp = Exclude<Op, 'input' | 'parameter' | 'constant'>;

export const rules: RuleTable<ComputedOp> = {
  ...elementwiseRules,
  ...contractionRules,
  ...normalisationRules,
  ...spatialRules,
  ...movementRules,
  ...reductionRules,
};
