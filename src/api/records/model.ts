/** Models as they are told. */

import { z } from 'zod';
import { type FileKind, fileKinds } from '#models/file-kinds';
import { preferenceSchema } from '#pipelines/settings/index';

export type ModelKind = FileKind;
export const modelKinds = Object.keys(fileKinds) as readonly ModelKind[];

export const modelCardSchema = z.object({
  description: z.string().max(100_000).optional(),
  /** Words that call what the model was trained for. */
  triggerWords: z.array(z.string().max(1000)).max(500).optional(),
  preferredWeight: z.number().optional(),
  /** Of a model: how it draws best; stands for what requests leave open. */
  preferred: preferenceSchema.optional(),
  /** Of a model: the VAE that it draws with where a request names none; `None` for its own. */
  vae: z.string().max(500).optional(),
  negativePrompt: z.string().max(10_000).optional(),
  notes: z.string().max(100_000).optional(),
  licence: z.string().max(1000).optional(),
  baseModel: z.string().max(200).optional(),
  /** Page or address it came from. */
  source: z.string().max(2000).optional(),
  tags: z.array(z.string().max(200)).max(200).optional(),
  /** Every word it was shown, in lower case; of a model that knows few. */
  vocabulary: z.array(z.string().max(100)).max(50_000).optional(),
});

export type ModelCard = z.output<typeof modelCardSchema>;

export const modelSchema = z.object({
  id: z.string(),
  kind: z.enum(modelKinds),
  name: z.string().describe('What requests call it.'),
  title: z.string(),
  path: z.string().optional().describe('For admins only.'),
  family: z.string().optional(),
  variant: z.string().optional(),
  about: z.string().describe('What its header says it is.'),
  problem: z.string().optional().describe('Why it cannot be used.'),
  bytes: z.number(),
  parameters: z.number(),
  trainedTags: z
    .array(z.tuple([z.string(), z.number()]))
    .describe('Words it was trained on, with how often; of add-ons that say so.'),
  modifiedAt: z.number(),
  sha256: z.string().optional(),
  shortHash: z.string().optional(),
  autoV3: z.string().optional(),
  hashError: z.string().optional(),
  embedded: z.boolean().describe('Ships with Darkroom.'),
  hasPreview: z.boolean(),
  card: modelCardSchema,
});

export const limitsSchema = z.object({
  defaultSize: z.object({ width: z.int(), height: z.int() }),
  sizeMultiple: z.int().describe('Sides must be multiples of this.'),
  gridMultiple: z.int().describe('Sides that are multiples of this are quickest.'),
  maxClipSkip: z.int(),
  prediction: z.string(),
});

export const trashedModelSchema = z.object({
  id: z.string(),
  name: z.string(),
  title: z.string(),
  kind: z.enum(modelKinds),
  bytes: z.number(),
  removedAt: z.number().describe('Milliseconds since 1970.'),
});

export type TrashedModel = z.output<typeof trashedModelSchema>;
