/** The generative models that are compared. */

import { ddpm } from './ddpm.ts';
import { dcgan, r1Gan } from './gan.ts';
import type { GeneratorRow } from './model.ts';

export const generators: readonly GeneratorRow[] = [dcgan, r1Gan, ddpm];
