/** Pictures of the gallery and boards: as the index keeps them and as they are told. */

import { z } from 'zod';
import { gallerySettings } from '#pipelines/settings/index';
import { milliseconds } from './id.ts';

/** What the gallery searches by, of the settings that a picture was made with; all else it keeps as text. */
export const pictureSettings = {
  model: z.string().optional(),
  modelHash: z.string().optional(),
  ...gallerySettings,
};

/** A picture in the index. */
export const indexedPictureSchema = z.object({
  id: z.string(),
  user: z.string(),
  job: z.string().optional().describe('The job that made it; it may be gone.'),
  index: z.int().optional().describe('Place among the job’s pictures, from 0.'),
  path: z.string().describe('Below the outputs folder, with forward slashes.'),
  format: z.string(),
  bytes: z.int(),
  width: z.int(),
  height: z.int(),
  createdAt: milliseconds.int(),
  prompt: z.string(),
  negativePrompt: z.string(),
  ...pictureSettings,
  infotext: z.string().describe('All parameters as one text, as inside the file.'),
  rating: z.int().min(0).max(5),
  trashedAt: milliseconds.int().optional(),
  awayAt: milliseconds.int().optional().describe('Since when its file is not where it should be.'),
});

export const galleryPictureSchema = indexedPictureSchema.extend({
  tags: z.array(z.string()),
  boards: z.array(z.string()).describe('Ids of the boards it is on.'),
});

export const pictureSchema = galleryPictureSchema.extend({
  file: z.string().optional().describe('Where it lies; for admins only.'),
  url: z.string().describe('Where the file is; add ?download=true to save it.'),
  thumbnailUrl: z.string(),
});

export const boardSchema = z.object({
  id: z.string(),
  user: z.string(),
  name: z.string(),
  createdAt: milliseconds.int(),
  images: z.int().describe('Pictures on it, without those in the trash.'),
});

export type IndexedPicture = z.output<typeof indexedPictureSchema>;
export type GalleryPicture = z.output<typeof galleryPictureSchema>;
export type Board = z.output<typeof boardSchema>;
