/** The model families, in the order in which they are asked. */

import type { ModelFamily } from './family.ts';
import { sd1 } from './sd1/family.ts';

// A family's config is its own business: from outside it is only handed back to the family it came from.
export const families: readonly ModelFamily[] = [sd1 as ModelFamily];
