/** Why work failed. */

import { z } from 'zod';

export const jobErrorSchema = z.object({
  code: z.string().describe('Stable name of the kind of error, e.g. engine.crashed.'),
  message: z.string(),
});

export type JobError = z.output<typeof jobErrorSchema>;
