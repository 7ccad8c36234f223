/** Configurations of the recipe: the trainer's own, on scenes, and the two that only this recipe has. */

import { z } from 'zod';
import { autoencoderSchema, commonSchema, textEncoderSchema, textToImageSchema } from '#training/config';

const textEncoderTaskSchema = commonSchema.extend({
  task: z.literal('text-encoder'),
  textEncoder: textEncoderSchema,
});

const evaluatorSchema = commonSchema.extend({
  task: z.literal('evaluator'),
  channels: z.array(z.int().positive()),
  /** Autoencoder through which part of the pictures pass, so that its blur is known. */
  autoencoder: z.string().optional(),
});

const controlSchema = commonSchema.extend({
  task: z.literal('control'),
  /** The model that is to be controlled. */
  model: z.string(),
  /** Scenes whose latents are cached. */
  scenes: z.int().positive(),
  /** Of the changes to the base's own layers. */
  rank: z.int().positive(),
  /** Channels of the hint's embedding, the finest first. */
  hintWidths: z.array(z.int().positive()),
  captionDropout: z.number().min(0).max(1),
});

export const recipeConfigSchema = z.discriminatedUnion('task', [
  autoencoderSchema,
  textEncoderTaskSchema,
  textToImageSchema.extend({
    /** Scenes whose latents are cached. */
    scenes: z.int().positive(),
  }),
  evaluatorSchema,
  controlSchema,
]);

export type RecipeConfig = z.output<typeof recipeConfigSchema>;
export type TextEncoderConfig = z.output<typeof textEncoderTaskSchema>;
export type EvaluatorConfig = z.output<typeof evaluatorSchema>;
export type ControlConfig = z.output<typeof controlSchema>;
