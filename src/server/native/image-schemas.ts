/** Pictures of the gallery on the wire. */

import { z } from 'zod';
import type { GalleryImage } from '#studio/gallery/image';

export const imageSchema = z.object({
  id: z.string(),
  user: z.string(),
  job: z.string().optional(),
  index: z.int().optional().describe('Place among the job’s pictures, from 0.'),
  path: z.string().describe('Below the outputs folder.'),
  url: z.string().describe('Where the file is; add ?download=true to save it.'),
  thumbnailUrl: z.string(),
  format: z.string(),
  bytes: z.number(),
  width: z.int(),
  height: z.int(),
  createdAt: z.number().describe('Milliseconds since 1970.'),
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

export const imagePageSchema = z.object({
  images: z.array(imageSchema),
  total: z.int().describe('Pictures on all pages.'),
  cursor: z.string().optional(),
});

export const boardSchema = z.object({
  id: z.string(),
  user: z.string(),
  name: z.string(),
  createdAt: z.number(),
  images: z.int(),
});

export function imageOut(image: GalleryImage): z.input<typeof imageSchema> {
  const url = `/api/v1/images/${image.id}`;
  return {
    ...image,
    tags: [...image.tags],
    boards: [...image.boards],
    url: `${url}/file`,
    thumbnailUrl: `${url}/thumbnail`,
  };
}
