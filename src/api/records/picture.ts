/** Pictures of the gallery and boards as they are told. */

import { z } from 'zod';
import { milliseconds } from './id.ts';

export const pictureSchema = z.object({
  id: z.string(),
  user: z.string(),
  job: z.string().optional(),
  index: z.int().optional().describe('Place among the job’s pictures, from 0.'),
  path: z.string().describe('Below the outputs folder.'),
  file: z.string().optional().describe('Where it lies; for admins only.'),
  url: z.string().describe('Where the file is; add ?download=true to save it.'),
  thumbnailUrl: z.string(),
  format: z.string(),
  bytes: z.number(),
  width: z.int(),
  height: z.int(),
  createdAt: milliseconds,
  prompt: z.string(),
  negativePrompt: z.string(),
  model: z.string().optional(),
  modelHash: z.string().optional(),
  sampler: z.string().optional(),
  scheduler: z.string().optional(),
  steps: z.number().optional(),
  cfgScale: z.number().optional(),
  seed: z.number().optional(),
  infotext: z.string().describe('All parameters as one text, as inside the file.'),
  rating: z.int().min(0).max(5),
  tags: z.array(z.string()),
  boards: z.array(z.string()),
  trashedAt: z.number().optional(),
});

export const boardSchema = z.object({
  id: z.string(),
  user: z.string(),
  name: z.string(),
  createdAt: z.number(),
  images: z.int(),
});
