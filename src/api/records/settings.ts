/** What may be changed while the studio runs. Where pictures and data lie is not among it. */

import { z } from 'zod';

export const settingsSchema = z.strictObject({
  defaultModel: z
    .string()
    .max(500)
    .default('')
    .describe('Checkpoint for requests that name none; empty: the embedded.')
    .meta({ control: 'text', choices: 'checkpoints' }),
  outputFormat: z.enum(['png', 'jpeg', 'webp']).default('png').describe('File type of new pictures.'),
  outputQuality: z.int().min(1).max(100).default(90).describe('Quality of JPEG and WebP pictures.'),
  previewEvery: z.int().min(0).max(1000).default(4).describe('A preview every so many steps; 0 for none.'),
  idleUnloadMinutes: z
    .number()
    .min(0)
    .max(10_080)
    .default(10)
    .describe('Free the engine’s memory after; 0: never.')
    .meta({ label: 'Idle before unloading (minutes)' }),
  memoryLimitMib: z
    .int()
    .min(0)
    .max(10_000_000)
    // An engine that cannot even start would fail every request.
    .refine((mib) => mib === 0 || mib >= 512, { error: 'expected 0, or at least 512' })
    .default(0)
    .describe('Stop the engine above this memory; 0: nine tenths of the machine’s.')
    .meta({ label: 'Memory limit (MiB)' }),
  trashDays: z.number().min(0).max(36_500).default(30).describe('Empty pictures from the trash after; 0: never.'),
  maxWaitingJobs: z.int().min(1).max(1_000_000).default(10_000).describe('Jobs that may wait at once.'),
  maxWaitingJobsPerUser: z
    .int()
    .min(1)
    .max(1_000_000)
    .default(5000)
    .describe('Jobs of one account that may wait at once.'),
  maxDiskMibPerUser: z
    .int()
    .min(0)
    .max(1_000_000_000)
    .default(0)
    .describe('Pictures of one account, with its trash and what its jobs start from; 0: as much as there is.')
    .meta({ label: 'Disk of one account (MiB)' }),
});

export type SettingsValues = z.output<typeof settingsSchema>;
