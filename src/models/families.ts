/** The model families, in the order in which they are asked. */

import type { ModelFamily } from './family.ts';
import { pixel } from './pixel/family.ts';
import { sd1 } from './sd1/family.ts';
import { sd2 } from './sd2/family.ts';
import { sdxl, sdxlRefiner } from './sdxl/family.ts';

// A family's config is its own business: from outside it is only handed back to the family it came from.
export const families: readonly ModelFamily[] = [pixel, sd1, sd2, sdxlRefiner, sdxl];
