/** Ids in requests. */

import { z } from 'zod';
import type { Entity } from '../operation.ts';

/** Safe in paths and file names; `of` says what it is the id of. */
export function idOf(entity: Entity): z.ZodString {
  return z
    .string()
    .min(1)
    .max(64)
    .regex(/^[\w-]+$/, 'an id has letters, digits, _ and - only')
    .meta({ of: entity });
}

export const milliseconds = z.number().describe('Milliseconds since 1970.');
