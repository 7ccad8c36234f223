/** Families that are recognised and cannot be run yet: a file of theirs is called by its name. None at present. */

import type { FamilyIdentity } from './family.ts';

export const otherFamilies: readonly FamilyIdentity[] = [];
